"""What staff see of system tasks: the list with its times, runs and lines, and nothing of other tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.clock import utc_now
from domain.kernel.errors import Denied
from domain.kernel.ids import uuid7
from domain.kernel.snapshot import Snapshot
from domain.tasks.catalogue import CATALOGUE
from domain.tasks.errors import RunNotFound, TaskNotFound
from domain.tasks.queries import run_by_id, scheduled_tasks, visible_log_lines, visible_runs
from domain.tasks.schedules import add_default_schedules, default_schedules
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant

VIEWER = Actor(ActorKind.STAFF, frozenset({Permission.VIEW_SYSTEM_TASKS}))
NOBODY = Actor(ActorKind.STAFF)


@asynccontextmanager
async def reading(desk: Desk, environment: Environment, actor: Actor = VIEWER) -> AsyncIterator[Snapshot]:
    """Reads of one operation."""
    snapshot = desk.platform.databases.snapshot(environment, actor)
    try:
        yield snapshot
    finally:
        await snapshot.end()


async def test_the_list_has_every_task_with_its_last_run_and_average(desk: Desk, tenant: Environment) -> None:
    await desk.furnish(tenant)
    now = utc_now()
    runs = [
        await desk.queue(
            tenant, "update_mistall", state=state, started_at=now - timedelta(seconds=took), finished_at=now
        )
        for took, state in ((10, "succeeded"), (20, "succeeded"), (300, "failed"))
    ]

    async with reading(desk, tenant) as snapshot:
        found = {item.task.name: item for item in await scheduled_tasks(snapshot)}

    mistall, purge = found["update_mistall"], found["purge"]
    assert list(found) == list(CATALOGUE)
    assert mistall.last_run is not None
    assert (mistall.last_run.id, mistall.last_run.state) == (runs[-1][0], "failed")
    assert mistall.average_duration == timedelta(seconds=15)
    assert (purge.last_run, purge.average_duration, purge.schedule.is_enabled) == (None, None, True)


async def test_what_is_off_at_the_start_has_no_next_run(desk: Desk, tenant: Environment) -> None:
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        await add_default_schedules(work, "America/Toronto")
        await add_default_schedules(work, "America/Toronto")

    async with reading(desk, tenant) as snapshot:
        found = await scheduled_tasks(snapshot)

    assert len(found) == len(CATALOGUE)
    for item in found:
        assert item.schedule.is_enabled is item.task.is_enabled_at_start
        assert (item.schedule.next_run_at is not None) is item.task.is_enabled_at_start


def test_a_demo_polls_more_often_and_keeps_its_housekeeping() -> None:
    rows = default_schedules("e_1", "America/Toronto", utc_now(), every=timedelta(seconds=2))

    rules = {row.task: row.rule for row in rows}
    assert rules == {
        "update_mistall": "every 2",
        "update_parking_logix": "every 2",
        "expire_permits": "every 3600",
        "send_mail": "every 3600",
        "purge": "cron 20 3 * * *",
        "back_up": "cron 0 2 * * *",
    }


async def test_an_environment_sees_its_own_ledger_only(
    desk: Desk, tenant: Environment, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    for environment in (tenant, other):
        await desk.furnish(environment)
    (ours,) = await desk.queue(tenant, "purge")
    (theirs,) = await desk.queue(other, "purge")
    for run_id, role in ((ours, tenant.role), (theirs, other.role)):
        await desk.execute(
            "insert into platform.task_run_log (run_id, environment, level, code, message)"
            " values (:id, :role, 'info', 'x', 'x')",
            id=run_id,
            role=role,
        )

    async with reading(desk, tenant) as snapshot:
        runs = await snapshot.scalars(visible_runs(VIEWER, "purge"))
        lines = await snapshot.scalars(visible_log_lines(VIEWER, theirs))
        with pytest.raises(RunNotFound):
            await run_by_id(snapshot, theirs)
        assert (await run_by_id(snapshot, ours)).task == "purge"
        assert {item.last_run.id for item in await scheduled_tasks(snapshot) if item.last_run} == {ours}

    assert [run.id for run in runs] == [ours]
    assert lines == []


async def test_nothing_is_shown_without_the_permission(desk: Desk, tenant: Environment) -> None:
    async with reading(desk, tenant, NOBODY) as snapshot:
        with pytest.raises(Denied):
            await scheduled_tasks(snapshot)
        with pytest.raises(Denied):
            await run_by_id(snapshot, uuid7())
    with pytest.raises(Denied):
        visible_runs(NOBODY, "purge")
    with pytest.raises(Denied):
        visible_log_lines(NOBODY, uuid7())


def test_runs_of_a_task_nobody_knows_are_not_found() -> None:
    with pytest.raises(TaskNotFound):
        visible_runs(VIEWER, "nothing")
