"""`kill -9` after every single thing that lasts: whoever comes next finishes the work, and nothing is left behind."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from auth.models import LoginRow
from domain.groups import actions as groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.backups.queries import backups_of
from tenants.backups.restoring import restore
from tenants.environments import Environment, EnvironmentKind, State
from tenants.fleet import behind
from tenants.lifecycle.actions import ask_for_deletion, set_state
from tenants.previews.actions import Who, refresh
from tenants.registry.records import ErasureRow
from tests.faults.conftest import KILLED, Readers, Scene
from tests.faults.reader import Reader
from tests.fixtures.platform import MakeTenant
from tests.patience import patience
from tests.tenants.test_fleet import _set_back

# There are many places to die at; a loaded machine takes its time over all of them.
pytestmark = pytest.mark.timeout(600)
ANN = Who("ann@tomahawku.example")


async def test_a_creation(scene: Scene) -> None:
    """Nobody is served a half of it, and the same command goes on, also where all was done."""
    facts = ("--name", "Killed", "--admin", "ann@killed.example")
    registry = scene.platform.registry
    for blade in count(1):
        slug = f"killed-{blade}"
        died = await scene.command("tenant", "create", slug, *facts, blade=blade) == KILLED
        if not died:
            break
        assert await scene.command("tenant", "create", slug, *facts) == 0
        await registry.load()
        found = registry.by_host(f"{slug}.ops-com.localhost")
        assert found is not None
        assert found.state is State.ACTIVE

    assert scene.deaths > 3
    await scene.nothing_is_left()


async def test_a_migration(scene: Scene, make_tenant: MakeTenant) -> None:
    """Nothing twice, nothing missed."""
    tenants = [await make_tenant() for _ in range(3)]
    for blade in count(1):
        await _set_back(scene.platform, *tenants)
        if await scene.command("migrate", blade=blade) != KILLED:
            break
        assert await scene.command("migrate") == 0
        assert await behind(scene.platform.databases) == []

    assert scene.deaths > 6
    await scene.nothing_is_left()


async def test_a_backup_and_its_proof(scene: Scene, tenant: Environment) -> None:
    """A half backup is never offered, and its files go."""
    for blade in count(1):
        if await scene.command("backup", "take", tenant.tenant.slug, blade=blade) != KILLED:
            break
    # The last death came after the end: that backup is whole as well.
    whole = [one.id for one in await backups_of(scene.platform.databases, tenant.id, number=50) if one.rows]
    for blade in count(1):
        if await scene.command("backup", "verify", tenant.tenant.slug, str(whole[0]), blade=blade) != KILLED:
            break

    assert scene.deaths > 6
    await scene.nothing_is_left()
    kept = await backups_of(scene.platform.databases, tenant.id, number=50)
    assert [(one.id, one.state, one.error) for one in kept] == [(one, "complete", None) for one in whole]


async def test_a_refresh(scene: Scene, tenant: Environment, readers: Readers) -> None:
    """The preview shows the old rows until the switch and the new ones ever after, to who is logged in there."""
    password = await create_administrator(scene.platform, tenant, ANN.name)
    backups = await two_backups(scene.platform, tenant)
    preview = await refreshed(scene, tenant, backups["b"][1])
    reader = await readers.read(preview, cookie=await readers.log_in(preview, ANN.name, password))
    presser = Who(ANN.name, login_id=await login_in(scene, preview))

    for blade in count(1):
        old, new = ("b", "a") if blade % 2 else ("a", "b")
        copy_id = await refresh(scene.platform.databases, tenant.tenant.id, backups[new][1], presser)
        run_id = await run_of(scene, copy_id)
        if not await scene.killed(run_id, blade):
            break
        await scene.finished(run_id)
        await saw_only(reader, backups[old][0], backups[new][0])

    assert scene.deaths > 10
    await scene.nothing_is_left()


async def test_a_restore(scene: Scene, tenant: Environment, readers: Readers) -> None:
    """The same for production; each attempt first keeps what it replaces."""
    backups = await two_backups(scene.platform, tenant)
    reader = await readers.read(tenant)

    for blade in count(1):
        old, new = ("b", "a") if blade % 2 else ("a", "b")
        copy_id = await restore(scene.platform.databases, tenant.id, backups[new][1], actor="ann", reason="fault")
        run_id = await run_of(scene, copy_id)
        if not await scene.killed(run_id, blade):
            break
        await scene.finished(run_id)
        await saw_only(reader, backups[old][0], backups[new][0])

    assert scene.deaths > 10
    await scene.nothing_is_left()


async def test_a_deletion(scene: Scene, make_tenant: MakeTenant) -> None:
    for blade in count(1):
        tenant = await make_tenant()
        await back_up(scene.platform.copier, tenant, reason="by hand", actor="ann")
        facts = {"actor": "ann", "reason": "fault"}
        await set_state(scene.platform.databases, tenant.tenant.id, State.ARCHIVED, **facts)
        slug = tenant.tenant.slug
        run_id = await ask_for_deletion(scene.platform.databases, tenant.tenant.id, confirmed=slug, **facts)
        await scene.platform.bus.nudge("dispatcher")
        if not await scene.killed(run_id, blade):
            break
        await scene.finished(run_id)
        proof = await proof_of(scene, tenant)
        assert (proof.schemas, proof.backups) == ([tenant.schema], 1)
        assert proof.keys_destroyed_at < proof.finished_at

    assert scene.deaths > 5
    await scene.nothing_is_left()


async def two_backups(platform: Platform, tenant: Environment) -> dict[str, tuple[tuple[str, ...], UUID]]:
    """Production in two states, and a backup of each: rows and id."""
    taken = {}
    for name in ("a", "b"):
        async with platform.databases.work(tenant, Actor.system()) as work:
            await groups.create(work, f"Group {name}", point=MapPoint(45.4, -75.7))
        rows = tuple(f"Group {one}" for one in ("a", "b") if one <= name)
        taken[name] = rows, await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    return taken


async def refreshed(scene: Scene, tenant: Environment, backup_id: UUID) -> Environment:
    """The preview, made by a worker that lives."""
    copy_id = await refresh(scene.platform.databases, tenant.tenant.id, backup_id, ANN)
    await scene.finished(await run_of(scene, copy_id))
    await scene.platform.registry.load()
    kinds = {one.kind: one for one in scene.platform.registry.siblings(tenant.id)}
    return kinds[EnvironmentKind.PREVIEW]


async def login_in(scene: Scene, preview: Environment) -> UUID:
    """The one login that there is."""
    async with scene.platform.databases.work(preview, Actor.system()) as work:
        (login_id,) = await work.scalars(select(LoginRow.id))
        return login_id


async def run_of(scene: Scene, copy_id: UUID) -> UUID:
    """The run that carries out a copy, its dispatcher awake."""
    await scene.platform.bus.nudge("dispatcher")
    (row,) = await scene.desk.rows("select id from platform.task_run where concurrency_key = :key", key=str(copy_id))
    run_id: UUID = row["id"]
    return run_id


async def saw_only(reader: Reader, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """Nothing but the old rows and then the new ones was answered meanwhile, or that the site is moving."""
    async with patience():
        while not reader.rows or reader.rows[-1] != new:  # noqa: ASYNC110 - the reader is a task of its own
            await asyncio.sleep(0.02)
    switched = reader.rows.index(new)
    assert (reader.wrong, set(reader.rows[:switched]) <= {old}, set(reader.rows[switched:])) == ([], True, {new})
    reader.forget()


async def proof_of(scene: Scene, tenant: Environment) -> Any:  # noqa: ANN401 - a row
    """The proof of a deletion."""
    wanted = select(ErasureRow.__table__).where(ErasureRow.tenant_id == tenant.tenant.id)
    async with scene.platform.databases.control().connect() as connection:
        return (await connection.execute(wanted)).one()
