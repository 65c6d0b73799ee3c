"""From schedules to runs: due times, missed times, switched-off environments, schedules that nobody understands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.kernel.ledger import RunState
from jobs.planning import Due, Plan, plan, plan_due
from tenants.environments import Environment
from tests.fixtures.jobs import Desk, task_called

NIGHTLY = task_called("nightly", rule="cron 0 2 * * *", late_by=timedelta(hours=6))
CATALOGUE = {"poll": task_called("poll"), "nightly": NIGHTLY}
NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


def planned(
    task: str, *, late: timedelta, rule: str = "every 600", zone: str = "America/Toronto", active: bool = True
) -> Plan:
    """What becomes of a schedule that is looked at so much later than planned."""
    due = Due(uuid7(), "env", task, rule, zone, NOW - late, NOW)
    return plan(due, CATALOGUE, lambda _role, _task: active)


def test_polls_that_were_missed_for_days_run_once_and_go_on_in_step() -> None:
    found = planned("poll", late=timedelta(days=3))

    assert found.state is RunState.QUEUED
    assert found.next_run_at is not None
    assert NOW < found.next_run_at <= NOW + timedelta(minutes=10)


def test_a_nightly_task_beyond_its_window_is_marked_as_missed() -> None:
    in_time = planned("nightly", late=timedelta(hours=5), rule=NIGHTLY.rule)
    too_late = planned("nightly", late=timedelta(hours=7), rule=NIGHTLY.rule)

    assert in_time.state is RunState.QUEUED
    assert too_late.state is RunState.MISSED
    assert too_late.next_run_at == datetime(2026, 11, 24, 7, tzinfo=UTC)


def test_an_environment_that_is_not_active_has_no_runs_and_keeps_its_times() -> None:
    found = planned("poll", late=timedelta(0), active=False)

    assert found.state is None
    assert found.next_run_at is not None


@pytest.mark.parametrize(
    ("rule", "zone"), [("every never", "UTC"), ("every 600", "Mars/Olympus"), ("every 600", "../x")]
)
def test_a_schedule_nobody_can_read_stops_visibly(rule: str, zone: str) -> None:
    found = planned("poll", late=timedelta(0), rule=rule, zone=zone)

    assert (found.state, found.error_class, found.next_run_at) == (RunState.FAILED, "schedule_invalid", None)


async def test_what_is_due_gets_one_run_and_its_next_time(desk: Desk, tenant: Environment) -> None:
    due = await desk.schedule(tenant, "poll")
    later = await desk.schedule(tenant, "nightly", due="-1 hour")
    before = utc_now()

    count = await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True)

    (run,) = await desk.runs(tenant)
    assert count == 1
    assert (run["task"], run["state"], run["trigger"], run["concurrency_key"]) == ("poll", "queued", "schedule", "poll")
    times = {row["id"]: row["next_run_at"] for row in await desk.rows("select * from platform.task_schedule")}
    assert before < times[due] <= utc_now() + timedelta(minutes=10)
    assert times[later] > before + timedelta(minutes=50)


async def test_a_poll_that_takes_longer_than_its_interval_is_not_started_twice(desk: Desk, tenant: Environment) -> None:
    await desk.schedule(tenant, "poll", rule="every 1")
    await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True)
    await desk.execute("update platform.task_schedule set next_run_at = now()")

    await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True)

    assert len(await desk.runs(tenant)) == 1


async def test_one_bad_schedule_leaves_the_others_alone(desk: Desk, tenant: Environment) -> None:
    bad = await desk.schedule(tenant, "poll", rule="whenever", due="1 hour")
    await desk.schedule(tenant, "nightly", rule=NIGHTLY.rule)

    await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True)
    again = await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True)

    states = {run["task"]: (run["state"], run["error_class"]) for run in await desk.runs(tenant)}
    assert states == {"poll": ("failed", "schedule_invalid"), "nightly": ("queued", None)}
    assert again == 0
    assert (await desk.rows("select next_run_at from platform.task_schedule where id = :id", id=bad))[
        0
    ].next_run_at is None


async def test_switched_off_schedules_are_not_looked_at(desk: Desk, tenant: Environment) -> None:
    await desk.schedule(tenant, "poll")
    await desk.execute("update platform.task_schedule set is_enabled = false")

    assert await plan_due(desk.ledger, CATALOGUE, lambda _role, _task: True) == 0


async def test_dispatchers_at_once_write_each_run_once(desk: Desk, tenant: Environment) -> None:
    catalogue = {f"poll_{number}": task_called(f"poll_{number}") for number in range(60)}
    for name in catalogue:
        await desk.schedule(tenant, name)

    counts = await asyncio.gather(*(plan_due(desk.ledger, catalogue, lambda _role, _task: True) for _ in range(4)))

    assert sum(counts) == 60
    assert sorted(run["task"] for run in await desk.runs(tenant)) == sorted(catalogue)
