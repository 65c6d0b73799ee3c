"""A preview calls a vendor's own test side, if that is whole, or nobody: what it would have asked is captured."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import RowMapping, select

from domain.captures.models import Capture
from domain.kernel.actor import Actor
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.simulators import Simulator
from tests.simulators.campus import MISTALL_PASSWORD, MISTALL_TOKEN, MISTALL_USER

LIVE = {"live_user_name": MISTALL_USER, "live_password": MISTALL_PASSWORD}


async def polled(desk: Desk, environment: Environment) -> RowMapping:
    """The run of one press of RUN, attempted once."""
    requested = await desk.press(environment, "update_mistall")
    await desk.runner().run(requested.run_id)
    return await desk.run(requested.run_id)


async def connect(desk: Desk, environment: Environment, **changes: Any) -> None:  # noqa: ANN401 - columns
    """Enter a connection to Mistall."""
    await desk.furnish(environment)
    async with desk.platform.databases.work(environment, Actor.system()) as work:
        await change_integration(work, Vendor.MISTALL, is_enabled=True, **changes)


async def captured(desk: Desk, environment: Environment) -> list[tuple[str, str, str, int]]:
    """What was held back."""
    async with desk.platform.databases.snapshot(environment, Actor.system()) as snapshot:
        found = await snapshot.scalars(select(Capture))
    return [(one.vendor, one.purpose, one.address, one.count) for one in found]


@pytest.mark.parametrize("test", [{}, {"test_endpoint": "TEST"}])
async def test_without_a_whole_test_side_a_preview_asks_nobody(
    desk: Desk, preview: Environment, mistall: Simulator, test: dict[str, str]
) -> None:
    await connect(desk, preview, live_endpoint=mistall.endpoint, **LIVE)
    async with desk.platform.databases.work(preview, Actor.system()) as work:
        changes: Any = dict.fromkeys(test, mistall.endpoint)
        await change_integration(work, Vendor.MISTALL, **changes)
    before = mistall.requests()

    runs = [await polled(desk, preview) for _ in range(2)]

    assert {(run["state"], run["error_class"]) for run in runs} == {("failed", "settings.connection_missing")}
    assert mistall.requests() == before
    assert await captured(desk, preview) == [("mistall", "Update Mistall", mistall.endpoint, 2)]


async def test_with_a_whole_test_side_a_preview_asks_that(desk: Desk, preview: Environment, mistall: Simulator) -> None:
    test = {"test_endpoint": mistall.endpoint, "test_token": MISTALL_TOKEN}
    await connect(desk, preview, live_endpoint="https://live.example", live_password="live", **test)

    run = await polled(desk, preview)

    assert run["state"] == "succeeded"
    assert await captured(desk, preview) == []


async def test_production_asks_the_live_side_and_captures_nothing(
    desk: Desk, tenant: Environment, mistall: Simulator
) -> None:
    await connect(desk, tenant, live_endpoint=mistall.endpoint, **LIVE)

    run = await polled(desk, tenant)

    assert run["state"] == "succeeded"
    assert await captured(desk, tenant) == []
