"""The schedules that an environment begins with: one row for each task of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert

from domain.kernel.ids import uuid7
from domain.kernel.ledger import TaskSchedule
from domain.kernel.work import Work
from domain.tasks.catalogue import CATALOGUE, Queue, SystemTask
from domain.tasks.rules import next_run, parse_rule


def default_schedules(
    ledger_name: str, time_zone: str, now: datetime, *, every: timedelta | None = None
) -> list[TaskSchedule]:
    """The schedules of a new environment, not yet written; ``ledger_name`` is its database role.

    What is off at the start has no next run. ``every`` replaces the interval of all polls (a demo can not wait for
    minutes). ``time_zone`` is an IANA name; raises ZoneInfoNotFoundError for another.
    """
    return schedules_of(CATALOGUE.values(), ledger_name, time_zone, now, every=every)


def schedules_of(
    tasks: Iterable[SystemTask], ledger_name: str, time_zone: str, now: datetime, *, every: timedelta | None = None
) -> list[TaskSchedule]:
    """The schedules of these tasks, not yet written; a task without a rule has none."""
    return [_schedule(task, ledger_name, task.time_zone or time_zone, now, every) for task in tasks if task.rule]


async def add_default_schedules(work: Work, time_zone: str, *, every: timedelta | None = None) -> None:
    """Write the default schedules of the Work's environment. Repeatable: what is there already stays as it is."""
    rows = default_schedules(work.ledger_name, time_zone, work.now, every=every)
    columns = [column.key for column in TaskSchedule.__table__.columns]
    values = [{name: getattr(row, name) for name in columns} for row in rows]
    await work.execute(insert(TaskSchedule).values(values).on_conflict_do_nothing())


def _schedule(
    task: SystemTask, ledger_name: str, time_zone: str, now: datetime, every: timedelta | None
) -> TaskSchedule:
    rule = f"every {max(1, int(every.total_seconds()))}" if every and task.queue is Queue.POLL else task.rule
    schedule_id = uuid7()
    due = next_run(parse_rule(rule), ZoneInfo(time_zone), schedule_id, now, spread=task.spread)
    return TaskSchedule(
        id=schedule_id,
        environment=ledger_name,
        task=task.name,
        rule=rule,
        time_zone=time_zone,
        is_enabled=task.is_enabled_at_start,
        next_run_at=due if task.is_enabled_at_start else None,
    )
