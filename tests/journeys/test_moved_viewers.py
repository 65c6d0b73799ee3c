"""Who watches a site while it is moved to another cell watches on, without knowing, and sees what is written there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text

from domain.groups import actions as groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.moves.asking import move
from tenants.moves.moving import Mover
from tenants.moves.switching import switch
from tenants.registry.actions import NewTenant
from tenants.settings import Settings
from tests.faults.reader import ADD
from tests.fixtures.cells import Split
from tests.fixtures.processes import is_ready, metrics, started
from tests.fixtures.product import ADMIN, Json, Site, until
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.tenants.moves.attempts import Halt, loaded

WATCH = "subscription { occupancy { pins { id name } } }"
GUESTS = 20
PAUSE_S = 0.05


@pytest.fixture
def served(split: Split, tmp_path: Path) -> Settings:
    """Settings of the gateway's process."""
    ports = {"port": free_port(), "internal_port": free_port()}
    return split.platform.settings.model_copy(update={**ports, "map_file": tmp_path / "map"})


@pytest.fixture
async def admin(split: Split, served: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    """The site of a tenant in the first cell, served by a process of its own; an administrator is logged in."""
    platform = split.platform
    await second_is_for(split, "'test'")
    tenant = await platform.provisioner.create_tenant(NewTenant(f"moved-{uuid4().hex[:6]}", "Moved"), actor="tests")
    password = await create_administrator(platform, tenant, ADMIN)
    await second_is_for(split, "null")
    with started("gateway", served, tmp_path):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(httpx2.HTTPError):
                    if await is_ready(served.internal_port):
                        break
                await asyncio.sleep(PAUSE_S)
        site = Site(tenant, served.port)
        await site.log_in(ADMIN, password)
        yield site


async def test_everybody_who_watches_ends_with_what_is_in_the_new_place(
    split: Split, served: Settings, admin: Site
) -> None:
    guest = replace(admin, cookie="")
    async with AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(guest.socket("/graphql", WATCH)) for _ in range(GUESTS)]
        viewers.append(await stack.enter_async_context(guest.stream("/graphql", WATCH)))
        viewers.append(await stack.enter_async_context(admin.socket("/admin/graphql", WATCH)))
        viewers.append(await stack.enter_async_context(admin.stream("/admin/graphql", WATCH)))
        assert await add(admin, "Before") is None
        await all_see(viewers, ["Before"])
        copy_id = await move(split.platform.databases, admin.environment.id, split.second, actor="ann", reason="test")
        halt = Halt(split.platform, admin.environment)

        async with touched(split.platform, admin.environment):
            moving = asyncio.create_task(Mover(split.platform.copier, copy_id, halt.say).carry_out())
            await halt.is_there.wait()
            refused = await add(admin, "Refused")
            viewers.append(await stack.enter_async_context(guest.socket("/graphql", WATCH)))
            await all_see(viewers[-1:], ["Before"])
            halt.end()
            await moving
        assert await add(admin, "Later") is None

        await all_see(viewers, ["Before", "Later"])
        assert refused == "environment.moving"
        assert where(split.platform, admin.environment).cell == split.second
        now = await metrics(served.internal_port)
        assert sum(now[name] for name in now if name.startswith("opscom_live_viewers{")) == len(viewers)
        assert [name for name in now if name.startswith("opscom_live_viewers_ended_total") and now[name]] == []


async def test_who_only_watches_lets_the_registry_follow_a_switch_whose_process_died(split: Split, admin: Site) -> None:
    """Nobody else asks for the site, and no worker has taken the move up yet."""
    platform, guest = split.platform, replace(admin, cookie="")
    assert await add(admin, "Before") is None
    async with guest.socket("/graphql", WATCH) as viewer:
        await all_see([viewer], ["Before"])
        mover, route = await loaded(split, admin.environment)
        async with platform.databases.owner("main").begin() as alone:
            await switch(platform.databases, alone, route)

        async with touched(platform, admin.environment), asyncio.timeout(PATIENCE_S):
            while where(platform, admin.environment).cell != split.second:
                await platform.registry.load()
        async with platform.databases.work(where(platform, admin.environment), Actor.system()) as work:
            await groups.create(work, "Later", point=MapPoint(45.4, -75.7))

        await all_see([viewer], ["Before", "Later"])
    await mover.carry_out()


async def second_is_for(split: Split, group: str) -> None:
    """Let the second cell take environments of one group, or of both."""
    async with split.platform.databases.provisioner().begin() as connection:
        change = f"update registry.cell set environment_group = {group} where name = '{split.second}'"
        await connection.execute(text(change))


@asynccontextmanager
async def touched(platform: Platform, environment: Environment) -> AsyncIterator[None]:
    """Every feed of the environment is rendered again and again, so that some are in every moment of a move."""

    async def touch() -> None:
        while True:
            await platform.bus.publish(environment.id, frozenset({"occupancy"}))
            await asyncio.sleep(PAUSE_S)

    touching = asyncio.create_task(touch())
    try:
        yield
    finally:
        touching.cancel()
        await asyncio.wait([touching])


async def add(admin: Site, name: str) -> str | None:
    """Add a lot group. Returns the code of what it was refused with."""
    answer = await admin.ask("/admin/graphql", ADD, name=name)
    if "errors" in answer:
        return str(answer["errors"][0]["extensions"]["code"])
    assert answer["data"]["createLotGroup"]["userErrors"] == []
    return None


async def all_see(viewers: Sequence[asyncio.Queue[Json]], pins: list[str]) -> None:
    """Each viewer is shown just these, some time, and no error before."""

    def is_so(state: Json) -> bool:
        assert "errors" not in state, state
        return sorted(pin["name"] for pin in state["data"]["occupancy"]["pins"]) == pins

    for viewer in viewers:
        await until(viewer, is_so)


def where(platform: Platform, environment: Environment) -> Environment:
    """The environment as the registry knows it."""
    found = platform.registry.by_id(environment.id)
    assert found is not None
    return found
