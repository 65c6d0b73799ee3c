"""Reading schedules, runs and their log lines. Row-level security of the ledger shows an environment its own rows only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import aliased

from domain.kernel.actor import Actor, Permission
from domain.kernel.ledger import RunState, TaskRun, TaskRunLog, TaskSchedule
from domain.kernel.snapshot import Snapshot
from domain.tasks.catalogue import CATALOGUE, SystemTask, known_task
from domain.tasks.errors import RunNotFound

AVERAGED_RUNS = 20
"""Over how many of the newest successful runs the duration is averaged."""


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A line of the list of system tasks. ``last_run`` is the newest run, finished or not, None before the first."""

    task: SystemTask
    schedule: TaskSchedule
    last_run: TaskRun | None
    average_duration: timedelta | None


async def scheduled_tasks(snapshot: Snapshot) -> list[ScheduledTask]:
    """All system tasks of the environment, in the catalogue's order, in one statement. Needs VIEW_SYSTEM_TASKS."""
    rows = await snapshot.rows(_scheduled(snapshot.actor))
    found = {
        schedule.task: ScheduledTask(CATALOGUE[schedule.task], schedule, last_run, average)
        for schedule, last_run, average in rows
        if schedule.task in CATALOGUE
    }
    return [found[name] for name in CATALOGUE if name in found]


async def run_by_id(snapshot: Snapshot, run_id: UUID) -> TaskRun:
    """One run. Needs VIEW_SYSTEM_TASKS. Raises RunNotFound, also for a run of another environment."""
    found = await snapshot.scalar(_visible_runs(snapshot.actor).where(TaskRun.id == run_id))
    if found is None:
        raise RunNotFound
    return found


def visible_runs(actor: Actor, task_name: str) -> Select[TaskRun]:
    """The runs of a task, unordered; their ids rise with time. Needs VIEW_SYSTEM_TASKS. Raises TaskNotFound."""
    return _visible_runs(actor).where(TaskRun.task == known_task(task_name).name)


def visible_log_lines(actor: Actor, run_id: UUID) -> Select[TaskRunLog]:
    """The log lines of a run, unordered; their ids rise with time. Needs VIEW_SYSTEM_TASKS."""
    actor.require(Permission.VIEW_SYSTEM_TASKS)
    return select(TaskRunLog).where(TaskRunLog.run_id == run_id)


def _visible_runs(actor: Actor) -> Select[TaskRun]:
    actor.require(Permission.VIEW_SYSTEM_TASKS)
    return select(TaskRun)


def _scheduled(actor: Actor) -> Select[TaskSchedule, TaskRun | None, timedelta | None]:
    actor.require(Permission.VIEW_SYSTEM_TASKS)
    of_schedule = (TaskRun.environment == TaskSchedule.environment, TaskRun.task == TaskSchedule.task)
    newest = TaskRun.created_at.desc(), TaskRun.id.desc()
    last = select(TaskRun).where(*of_schedule).correlate(TaskSchedule).order_by(*newest).limit(1).lateral("last_run")
    good = (
        select((TaskRun.finished_at - TaskRun.started_at).label("took"))
        .where(*of_schedule, TaskRun.state == RunState.SUCCEEDED)
        .correlate(TaskSchedule)
        .order_by(*newest)
        .limit(AVERAGED_RUNS)
        .subquery("good")
    )
    average = select(func.avg(good.c.took)).scalar_subquery()
    last_run = aliased(TaskRun, last)
    return select(TaskSchedule, last_run, average).select_from(TaskSchedule).outerjoin(last, true())
