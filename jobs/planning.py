"""From schedules to runs: claims what is due, writes its run, and says when it is due next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from sqlalchemy import text

from domain.kernel.ids import uuid7
from domain.kernel.ledger import RunState
from domain.tasks.catalogue import SystemTask
from domain.tasks.errors import RuleInvalid
from domain.tasks.rules import Verdict, judge, next_run, parse_rule

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from jobs.ledger import Ledger

log = structlog.get_logger(__name__)

Catalogue = Mapping[str, SystemTask]
MayRun = Callable[[str, SystemTask], bool]
"""Whether a task may run in an environment, which is named as in the ledger."""
BATCH = 1000

_DUE = text("""
    select id, environment, task, rule, time_zone, next_run_at, statement_timestamp() as now
    from platform.task_schedule
    where is_enabled and next_run_at <= statement_timestamp()
    order by next_run_at limit :batch
    for update skip locked
""")
# The unfinished run of the same schedule wins: a poll that takes longer than its interval is not started twice.
_INSERT = text("""
    insert into platform.task_run (id, environment, task, concurrency_key, trigger, state, finished_at, error_class)
    select r.id, r.environment, r.task, case when r.state = 'queued' then r.task end, 'schedule', r.state,
        case when r.state <> 'queued' then clock_timestamp() end, r.error_class
    from unnest(
        cast(:ids as uuid[]), cast(:environments as text[]), cast(:tasks as text[]), cast(:states as text[]),
        cast(:classes as text[])
    ) as r(id, environment, task, state, error_class)
    on conflict do nothing
""")
_MOVE = text("""
    update platform.task_schedule s set next_run_at = d.next_run_at
    from unnest(cast(:ids as uuid[]), cast(:times as timestamptz[])) as d(id, next_run_at)
    where s.id = d.id
""")


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come."""

    id: UUID
    environment: str
    task: str
    rule: str
    time_zone: str
    next_run_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of it: its next time (None: never again), and the run to write (None: no run)."""

    due: Due
    next_run_at: datetime | None
    state: RunState | None
    error_class: str | None = None


async def plan_due(ledger: Ledger, catalogue: Catalogue, may_run: MayRun) -> int:
    """Write the runs of all schedules that are due, and their next times. Returns how many schedules were due.

    Schedules of what may not run go on without runs. Any number of dispatchers may do this at once.
    """
    total = 0
    while True:
        async with ledger.transaction() as connection:
            rows = (await connection.execute(_DUE, {"batch": BATCH})).all()
            plans = [plan(Due(*row), catalogue, may_run) for row in rows]
            await _write(connection, plans)
        total += len(plans)
        if len(plans) < BATCH:
            return total


def plan(due: Due, catalogue: Catalogue, may_run: MayRun) -> Plan:
    """Decide on one schedule. A rule or a task that nobody understands stops this schedule alone, visibly."""
    task = catalogue.get(due.task)
    try:
        spread = task.spread if task else timedelta(0)
        following = next_run(parse_rule(due.rule), ZoneInfo(due.time_zone), due.id, due.now, spread=spread)
    except (RuleInvalid, ZoneInfoNotFoundError, ValueError):
        log.warning("schedule_invalid", schedule=str(due.id), environment=due.environment, rule=due.rule)
        return Plan(due, None, RunState.FAILED, "schedule_invalid")
    if task is None:
        log.warning("schedule_of_unknown_task", environment=due.environment, task=due.task)
        return Plan(due, following, None)
    if not may_run(due.environment, task):
        return Plan(due, following, None)
    if judge(due.next_run_at, due.now, task.late_by) is Verdict.MISSED:
        return Plan(due, following, RunState.MISSED, "missed")
    return Plan(due, following, RunState.QUEUED)


async def _write(connection: AsyncConnection, plans: list[Plan]) -> None:
    if not plans:
        return
    written = [plan for plan in plans if plan.state is not None]
    runs = {
        "ids": [uuid7() for _ in written],
        "environments": [plan.due.environment for plan in written],
        "tasks": [plan.due.task for plan in written],
        "states": [plan.state for plan in written],
        "classes": [plan.error_class for plan in written],
    }
    await connection.execute(_INSERT, runs)
    times = {"ids": [plan.due.id for plan in plans], "times": [plan.next_run_at for plan in plans]}
    await connection.execute(_MOVE, times)
