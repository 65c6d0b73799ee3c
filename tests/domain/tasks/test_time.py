"""The time of day of a daily task."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from domain.kernel.actor import Permission
from domain.kernel.errors import Denied, ParkingError
from domain.kernel.ledger import TaskSchedule
from domain.tasks import actions
from domain.tasks.catalogue import BACK_UP, EXPIRE_PERMITS
from domain.tasks.errors import TaskNotDaily, TimeZoneUnknown
from tests.fixtures.parking import Parking, staff

OFFICE = staff(Permission.RUN_SYSTEM_TASKS)


async def test_a_daily_task_gets_another_time_and_is_next_due_at_it(parking: Parking) -> None:
    """It is 08:00 in Toronto and 09:00 in Halifax."""
    async with parking.work(OFFICE) as work:
        await actions.set_time(work, BACK_UP.name, time(9, 30), "America/Halifax")

    rule, zone, due = await _schedule(parking)
    place = due - datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    assert (rule, zone) == ("cron 30 9 * * *", "America/Halifax")
    assert timedelta(0) <= place < BACK_UP.spread
    for _ in range(2):
        async with parking.work(OFFICE) as work:
            await actions.set_time(work, BACK_UP.name, time(8, 0))
    rule, zone, due = await _schedule(parking)
    assert (rule, zone) == ("cron 0 8 * * *", "America/Halifax")
    assert (due - place - datetime(2026, 5, 4, 11, tzinfo=UTC)) in {timedelta(0), timedelta(days=1)}
    assert [entry.action for entry in await parking.audit()].count("TaskTimed") == 2


@pytest.mark.parametrize(
    ("task", "zone", "error"),
    [(EXPIRE_PERMITS.name, None, TaskNotDaily), (BACK_UP.name, "Mars/Olympus", TimeZoneUnknown)],
)
async def test_what_makes_no_sense_is_refused(
    parking: Parking, task: str, zone: str | None, error: type[ParkingError]
) -> None:
    with pytest.raises(error):
        async with parking.work(OFFICE) as work:
            await actions.set_time(work, task, time(3, 0), zone)


async def test_who_may_not_run_tasks_sets_no_time(parking: Parking) -> None:
    with pytest.raises(Denied):
        async with parking.work(staff(Permission.VIEW_SYSTEM_TASKS)) as work:
            await actions.set_time(work, BACK_UP.name, time(3, 0))


async def _schedule(parking: Parking) -> tuple[str, str, datetime]:
    async with parking.work() as work:
        s = TaskSchedule
        wanted = select(s.rule, s.time_zone, s.next_run_at)
        rows = await work.rows(wanted.where(s.environment == parking.environment.role, s.task == BACK_UP.name))
        rule, zone, due = rows[0]
        assert due is not None
        return rule, zone, due
