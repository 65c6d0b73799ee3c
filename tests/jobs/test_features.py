"""System tasks of a feature that an environment has not: not planned, and what is queued already ends with the reason."""

from typing import Any

import pytest
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import select

from domain.kernel.actor import Actor
from domain.kernel.features import Feature, FeatureOff
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from domain.settings.models import Vendor
from domain.settings.queries import open_connection
from jobs.context import RunContext
from tenants.environments import Environment
from tenants.plans.actions import set_plan
from tests.fixtures.jobs import Desk


@pytest.fixture
async def basic(desk: Desk, tenant: Environment) -> Environment:
    """A tenant whose plan has no integration."""
    await set_plan(desk.platform.databases, tenant.tenant.id, "basic", actor="tests")
    await desk.platform.registry.load()
    found = desk.platform.registry.by_id(tenant.id)
    assert found is not None
    return found


async def test_a_queued_run_of_a_feature_that_was_taken_away_ends_with_the_reason(
    desk: Desk, basic: Environment
) -> None:
    ran: list[str] = []

    async def poll(_context: RunContext) -> None:
        ran.append("polled")

    desk.define("poll", poll, feature=Feature.MISTALL)
    desk.define("other", poll)
    refused, carried = await desk.queue(basic, "poll"), await desk.queue(basic, "other")

    runner = desk.runner()
    for run_id in refused + carried:
        await runner.run(run_id)

    ended = await desk.run(refused[0])
    assert (ended["state"], ended["error_class"]) == ("cancelled", "FEATURE_OFF")
    assert "feature" in ended["error_message"]
    assert (await desk.run(carried[0]))["state"] == "succeeded"
    assert ran == ["polled"]


async def test_schedules_of_a_feature_that_is_off_go_on_without_runs(
    desk: Desk, basic: Environment, broker: RedisBroker
) -> None:
    desk.define("poll", feature=Feature.MISTALL)
    desk.define("other")
    await desk.schedule(basic, "poll")
    await desk.schedule(basic, "other")

    await desk.dispatcher(broker).tick()

    assert [run["task"] for run in await desk.runs(basic)] == ["other"]
    (still_due,) = await desk.rows("select count(*) as n from platform.task_schedule where next_run_at <= now()")
    assert still_due["n"] == 0


async def test_a_feature_that_comes_back_is_planned_again(desk: Desk, basic: Environment, broker: RedisBroker) -> None:
    desk.define("poll", feature=Feature.MISTALL)
    await set_plan(desk.platform.databases, basic.tenant.id, "standard", actor="tests")
    await desk.platform.registry.load()
    await desk.schedule(basic, "poll")

    await desk.dispatcher(broker).tick()

    assert [run["task"] for run in await desk.runs(basic)] == ["poll"]


async def test_the_domain_refuses_who_comes_by_another_way(desk: Desk, basic: Environment) -> None:
    """A task that was already running when the feature went, or one that forgot to say what it belongs to."""
    databases, actor = desk.platform.databases, Actor.system()
    reading: Any = Reading("1", "One", 10, 5)

    with pytest.raises(FeatureOff):
        async with databases.work(basic, actor) as work:
            await record_readings(work, SensorSource.MISTALL, [reading])
    snapshot = databases.snapshot(basic, actor)
    with pytest.raises(FeatureOff):
        await open_connection(snapshot, Vendor.MISTALL, databases.vault(basic), is_production=True)

    assert await snapshot.scalars(select(SensorLot)) == []
    await snapshot.end()
