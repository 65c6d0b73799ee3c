"""What people do with system tasks: press RUN, switch one on or off. Runs are carried out by ``jobs``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.features import require_feature
from domain.kernel.ledger import UNFINISHED, TaskRun, TaskSchedule, Trigger
from domain.kernel.work import Work
from domain.tasks.catalogue import Switch, SystemTask, known_task
from domain.tasks.errors import TaskAlwaysOn, TaskNotDaily, TaskNotFound, TaskStaffOnly, TimeZoneUnknown
from domain.tasks.events import TaskDisabled, TaskEnabled, TaskRequested, TaskTimed
from domain.tasks.rules import next_run, parse_rule

DAILY = re.compile(r"cron \d+ \d+ \* \* \*")
PLATFORM_KINDS = frozenset({ActorKind.PLATFORM, ActorKind.SYSTEM})


@dataclass(frozen=True, slots=True)
class Requested:
    """The answer to RUN: the run, and whether it was written now or was there already."""

    run_id: UUID
    is_new: bool


async def run(work: Work, task_name: str) -> Requested:
    """Have a task run as soon as possible. While a run of it is queued or running, that one is the answer.

    A task that is off may be run once by hand; one that only staff may switch on, only by staff. Needs RUN_SYSTEM_TASKS.
    Raises TaskNotFound, TaskStaffOnly, FeatureOff.
    """
    work.actor.require(Permission.RUN_SYSTEM_TASKS)
    task = known_task(task_name)
    require_feature(work.features, task.feature)
    schedule = await _locked_schedule(work, task)
    if not schedule.is_enabled and not _may_switch(work.actor, task):
        raise TaskStaffOnly(task.name)
    unfinished = await work.scalar(
        select(TaskRun.id).where(
            TaskRun.environment == work.ledger_name,
            TaskRun.task == task.name,
            TaskRun.concurrency_key == task.name,
            TaskRun.state.in_(UNFINISHED),
        )
    )
    if unfinished is not None:
        return Requested(unfinished, is_new=False)
    run_id = work.enqueue(task.name, {}, Trigger.BUTTON, concurrency_key=task.name)
    work.record(TaskRequested(task.name, run_id))
    return Requested(run_id, is_new=True)


async def set_enabled(work: Work, task_name: str, *, is_enabled: bool) -> None:
    """Switch a task on or off. Switched on, it is next due at its next regular time; a running run is let finish.

    Needs RUN_SYSTEM_TASKS. Raises TaskNotFound, TaskStaffOnly, FeatureOff for one that shall be on, and TaskAlwaysOn for
    housekeeping.
    """
    work.actor.require(Permission.RUN_SYSTEM_TASKS)
    task = known_task(task_name)
    if is_enabled:
        require_feature(work.features, task.feature)
    schedule = await _locked_schedule(work, task)
    if schedule.is_enabled == is_enabled:
        return
    if task.switch is Switch.NOBODY:
        raise TaskAlwaysOn(task.name)
    if not _may_switch(work.actor, task):
        raise TaskStaffOnly(task.name)
    schedule.is_enabled = is_enabled
    schedule.next_run_at = _next(schedule, task, work) if is_enabled else None
    work.record(TaskEnabled(task.name) if is_enabled else TaskDisabled(task.name))


async def set_time(work: Work, task_name: str, at: time, time_zone: str | None = None) -> None:
    """Give a daily task another time of day, by the wall clock of a time zone; None: the one that it has.

    It is where the window of the task begins (``SystemTask.spread``). The same time records nothing.

    Needs RUN_SYSTEM_TASKS. Raises TaskNotFound, TaskNotDaily, TimeZoneUnknown.
    """
    work.actor.require(Permission.RUN_SYSTEM_TASKS)
    task = known_task(task_name)
    if not DAILY.fullmatch(task.rule):
        raise TaskNotDaily(task.name)
    if time_zone is not None and time_zone not in available_timezones():
        raise TimeZoneUnknown(time_zone)
    schedule = await _locked_schedule(work, task)
    before = schedule.rule, schedule.time_zone
    schedule.rule = f"cron {at.minute} {at.hour} * * *"
    schedule.time_zone = time_zone or schedule.time_zone
    if before == (schedule.rule, schedule.time_zone):
        return
    if schedule.is_enabled:
        schedule.next_run_at = _next(schedule, task, work)
    work.record(TaskTimed(task.name, f"{at:%H:%M}", schedule.time_zone))


def _next(schedule: TaskSchedule, task: SystemTask, work: Work) -> datetime:
    zone = ZoneInfo(schedule.time_zone)
    return next_run(parse_rule(schedule.rule), zone, schedule.id, work.now, spread=task.spread)


def _may_switch(actor: Actor, task: SystemTask) -> bool:
    return task.switch is Switch.CLIENT or actor.kind in PLATFORM_KINDS


async def _locked_schedule(work: Work, task: SystemTask) -> TaskSchedule:
    """The schedule, locked: presses of RUN and the dispatcher, which locks it too, come one after the other."""
    schedule = await work.scalar(
        select(TaskSchedule)
        .where(TaskSchedule.environment == work.ledger_name, TaskSchedule.task == task.name)
        .with_for_update()
    )
    if schedule is None:
        raise TaskNotFound(task.name)
    return schedule
