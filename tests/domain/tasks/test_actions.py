"""RUN and the switches of system tasks: who may, what is answered, what is written."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.audit import AuditEntry
from domain.kernel.errors import Denied, LoginRequired
from domain.tasks import actions
from domain.tasks.errors import TaskAlwaysOn, TaskNotFound, TaskStaffOnly
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant

ADMIN = Actor(ActorKind.STAFF, frozenset({Permission.RUN_SYSTEM_TASKS}), name="Ann Admin")
VIEWER = Actor(ActorKind.STAFF, frozenset({Permission.VIEW_SYSTEM_TASKS}))
PLATFORM = Actor(ActorKind.PLATFORM, frozenset({Permission.RUN_SYSTEM_TASKS}))


@pytest.fixture
async def university(desk: Desk, tenant: Environment) -> Environment:
    """A tenant with its default schedules."""
    await desk.furnish(tenant)
    return tenant


async def switch(desk: Desk, environment: Environment, task: str, actor: Actor, *, is_enabled: bool) -> None:
    """Switch a task on or off."""
    async with desk.platform.databases.work(environment, actor) as work:
        await actions.set_enabled(work, task, is_enabled=is_enabled)


async def schedule(desk: Desk, environment: Environment, task: str) -> tuple[bool, bool]:
    """Whether the task is on, and whether it has a next time."""
    (row,) = await desk.rows(
        "select * from platform.task_schedule where environment = :role and task = :task",
        role=environment.role,
        task=task,
    )
    return row["is_enabled"], row["next_run_at"] is not None


async def audited(desk: Desk, environment: Environment) -> list[str]:
    """The actions recorded in an environment that have to do with tasks."""
    snapshot = desk.platform.databases.snapshot(environment, Actor.system())
    found = await snapshot.scalars(select(AuditEntry.action).order_by(AuditEntry.id))
    await snapshot.end()
    return [action for action in found if action.startswith("Task")]


async def test_run_pressed_twenty_times_at_once_is_one_run(desk: Desk, university: Environment) -> None:
    answers = await asyncio.gather(*(desk.press(university, "update_mistall", ADMIN) for _ in range(20)))

    (run,) = await desk.runs(university)
    assert {answer.run_id for answer in answers} == {run["id"]}
    assert sorted(answer.is_new for answer in answers) == [False] * 19 + [True]
    assert (run["trigger"], run["state"], run["payload"]) == ("button", "queued", {})
    assert await audited(desk, university) == ["TaskRequested"]


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_run_is_answered_with_the_planned_run_that_is_not_over(
    desk: Desk, university: Environment, state: str
) -> None:
    (planned,) = await desk.queue(university, "purge", state=state, concurrency_key="purge", trigger="schedule")

    answer = await desk.press(university, "purge", ADMIN if state == "queued" else None)

    assert (answer.run_id, answer.is_new) == (planned, False)


async def test_after_a_run_is_over_the_next_press_is_a_new_one(desk: Desk, university: Environment) -> None:
    first = await desk.press(university, "update_mistall")
    await desk.execute("update platform.task_run set state = 'succeeded'")

    second = await desk.press(university, "update_mistall")

    assert second.is_new
    assert second.run_id != first.run_id


async def test_a_task_of_the_client_that_is_off_may_be_run_by_hand(desk: Desk, university: Environment) -> None:
    assert await schedule(desk, university, "update_mistall") == (False, False)

    assert (await desk.press(university, "update_mistall", ADMIN)).is_new


async def test_a_task_of_the_staff_that_is_off_is_run_by_the_staff_only(desk: Desk, university: Environment) -> None:
    with pytest.raises(TaskStaffOnly):
        await desk.press(university, "update_parking_logix", ADMIN)

    assert (await desk.press(university, "update_parking_logix", PLATFORM)).is_new
    await switch(desk, university, "update_parking_logix", PLATFORM, is_enabled=True)
    assert not (await desk.press(university, "update_parking_logix", ADMIN)).is_new


@pytest.mark.parametrize(("actor", "error"), [(Actor.guest(), LoginRequired), (VIEWER, Denied)])
async def test_run_and_the_switches_need_their_permission(
    desk: Desk, university: Environment, actor: Actor, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await desk.press(university, "update_mistall", actor)
    with pytest.raises(error):
        await switch(desk, university, "update_mistall", actor, is_enabled=True)

    assert await desk.runs(university) == []


async def test_a_task_nobody_knows_is_not_found(desk: Desk, university: Environment) -> None:
    with pytest.raises(TaskNotFound):
        await desk.press(university, "drop_all_tables", ADMIN)
    await desk.execute("delete from platform.task_schedule where task = 'update_mistall'")
    with pytest.raises(TaskNotFound):
        await desk.press(university, "update_mistall", ADMIN)


async def test_the_client_switches_its_own_tasks(desk: Desk, university: Environment) -> None:
    await switch(desk, university, "update_mistall", ADMIN, is_enabled=True)
    on = await schedule(desk, university, "update_mistall")
    await switch(desk, university, "update_mistall", ADMIN, is_enabled=True)
    await switch(desk, university, "update_mistall", ADMIN, is_enabled=False)

    assert on == (True, True)
    assert await schedule(desk, university, "update_mistall") == (False, False)
    assert await audited(desk, university) == ["TaskEnabled", "TaskDisabled"]


async def test_a_task_of_the_staff_is_switched_by_the_staff_only(desk: Desk, university: Environment) -> None:
    with pytest.raises(TaskStaffOnly):
        await switch(desk, university, "update_parking_logix", ADMIN, is_enabled=True)
    assert await schedule(desk, university, "update_parking_logix") == (False, False)

    await switch(desk, university, "update_parking_logix", PLATFORM, is_enabled=True)
    assert await schedule(desk, university, "update_parking_logix") == (True, True)


@pytest.mark.parametrize("actor", [ADMIN, PLATFORM])
async def test_housekeeping_is_always_on(desk: Desk, university: Environment, actor: Actor) -> None:
    with pytest.raises(TaskAlwaysOn):
        await switch(desk, university, "purge", actor, is_enabled=False)


async def test_one_tenants_run_is_not_anothers(desk: Desk, university: Environment, make_tenant: MakeTenant) -> None:
    other = await make_tenant()
    await desk.furnish(other)

    ours = await desk.press(university, "update_mistall")
    theirs = await desk.press(other, "update_mistall")

    assert theirs.is_new
    assert [run["id"] for run in await desk.runs(university)] == [ours.run_id]
