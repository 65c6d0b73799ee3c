"""System tasks in the admin API: schedules, runs and their logs, and the RUN button."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, time
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import Feature, Features
from domain.kernel.ledger import RunState, TaskRun, TaskRunLog, Trigger
from domain.kernel.paging import Page, read_page
from domain.tasks import actions
from domain.tasks.catalogue import Section, Switch
from domain.tasks.errors import RunNotFound
from domain.tasks.events import TOPIC
from domain.tasks.queries import ScheduledTask, run_by_id, scheduled_tasks, visible_log_lines, visible_runs
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.declare import PUBLIC, live, needs, requires
from schema.ids import global_id, row_id
from schema.loaders import once
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError, attempt


@needs(Permission.VIEW_SYSTEM_TASKS)
@strawberry.type(description="How many of something a run had to do with.")
class Counter:
    """A counter of a run."""

    name: str = strawberry.field(description="What was counted: read, created, updated, unchanged, skipped, failed.")
    count: int = strawberry.field(description="How many.")


@needs(Permission.VIEW_SYSTEM_TASKS)
@strawberry.type(description="A line in the log of a run. Secrets are removed before it is written.")
class LogLine:
    """One line."""

    at: datetime = strawberry.field(description="When it was written.")
    level: str = strawberry.field(description="info, warning or error.")
    code: str = strawberry.field(description="The stable code of what happened.")
    message: str = strawberry.field(description="What happened, in English.")


async def _log_of_run(
    run: strawberry.Parent[SystemTaskRun], info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[LogLine]:
    context, start = info.context, read_cursor(after or None, int)
    lines = visible_log_lines(context.actor, run.row)
    rows, has_more = await read_page(context.snapshot, lines, TaskRunLog.id, Page(first, start), newest_first=False)
    return connection(rows, _line, lambda row: row.id, after=start, has_more=has_more)


@needs(Permission.VIEW_SYSTEM_TASKS)
@strawberry.type(description="One run of a system task.")
class SystemTaskRun(Node):
    """A run."""

    row: strawberry.Private[UUID]
    task: str = strawberry.field(description="The name of the task.")
    trigger: Trigger = strawberry.field(description="Why it exists.")
    state: RunState = strawberry.field(description="Where it stands.")
    attempt: int = strawberry.field(description="How many times it was begun.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When it was begun last.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    counters: list[Counter] = strawberry.field(description="What it counted, by name.")
    error_class: str | None = strawberry.field(description="What kind of error ended it.")
    error_message: str | None = strawberry.field(description="What went wrong, in English.")
    log: Connection[LogLine] = strawberry.field(resolver=_log_of_run, description="Its log, the oldest line first.")


async def _runs_of_task(
    task: strawberry.Parent[SystemTask], info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[SystemTaskRun]:
    context, start = info.context, read_cursor(after or None, UUID)
    tenant = context.environment.tenant.number
    runs = visible_runs(context.actor, task.name)
    rows, has_more = await read_page(context.snapshot, runs, TaskRun.id, Page(first, start), newest_first=True)
    return connection(rows, lambda row: run_of(row, tenant), lambda row: row.id, after=start, has_more=has_more)


@needs(Permission.VIEW_SYSTEM_TASKS)
@strawberry.type(description="A system task: what it does, when it is due, and how it went.")
class SystemTask:
    """A line of Tools → View System Task Logs."""

    name: str = strawberry.field(description="Its stable name, by which it is run.")
    title: str = strawberry.field(description="Its name in the list.")
    description: str = strawberry.field(description="What it does.")
    section: Section = strawberry.field(description="Under which heading it is listed.")
    switched_by: Switch = strawberry.field(description="Who may switch it on and off.")
    feature: Feature | None = strawberry.field(description="The feature that it belongs to; null if to none.")
    available: bool = strawberry.field(
        description="Whether the site has that feature; without it the task does not run."
    )
    enabled: bool = strawberry.field(description="Whether it runs by its schedule.")
    rule: str = strawberry.field(
        description="When it is due: `every <seconds>`, or `cron` and its five fields, after which a nightly task has its own place within a window."
    )
    time_zone: str = strawberry.field(description="The IANA time zone of a cron rule.")
    next_run_at: datetime | None = strawberry.field(
        description="When it is due next, its place in the window included; null while it is off."
    )
    average_seconds: float | None = strawberry.field(description="How long its last good runs took on average.")
    last_run: SystemTaskRun | None = strawberry.field(description="Its newest run, finished or not.")
    runs: Connection[SystemTaskRun] = strawberry.field(resolver=_runs_of_task, description="Its runs, newest first.")


async def _task_of_payload(payload: strawberry.Parent[SystemTaskPayload], info: Info) -> SystemTask | None:
    return None if payload.name is None else await find_system_task(info, payload.name)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a system task.")
class SystemTaskPayload:
    """The task after the change, read only if it is asked for."""

    name: strawberry.Private[str | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    system_task: SystemTask | None = strawberry.field(
        resolver=_task_of_payload,
        description="The task after the change; null if nothing was changed.",
        metadata=requires(Permission.VIEW_SYSTEM_TASKS),
    )


async def _run_of_payload(payload: strawberry.Parent[RunSystemTaskPayload], info: Info) -> SystemTaskRun | None:
    if payload.row is None:
        return None
    return run_of(await run_by_id(info.context.snapshot, payload.row), info.context.environment.tenant.number)


@needs(PUBLIC)
@strawberry.type(description="The answer to RUN.")
class RunSystemTaskPayload:
    """The run, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    is_new: bool = strawberry.field(description="Whether this press caused the run; else one was unfinished already.")
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    run: SystemTaskRun | None = strawberry.field(
        resolver=_run_of_payload,
        description="The run; null if there is none.",
        metadata=requires(Permission.VIEW_SYSTEM_TASKS),
    )


Name = Annotated[str, strawberry.argument(description="The stable name of the task, such as `update_mistall`.")]
At = Annotated[time, strawberry.argument(description="The time of day, to the minute.")]
Zone = Annotated[str | None, strawberry.argument(description="An IANA time zone; null: the one that it has.")]
Enabled = Annotated[bool, strawberry.argument(description="Whether it shall run by its schedule.")]


async def read_system_tasks(info: Info) -> list[SystemTask]:
    """All system tasks."""
    here = info.context.environment
    found = await once(info.context, scheduled_tasks)
    return [_task(scheduled, here.tenant.number, here.features) for scheduled in found]


async def find_system_task(info: Info, name: Name) -> SystemTask | None:
    """One system task."""
    return next((task for task in await read_system_tasks(info) if task.name == name), None)


async def find_run(info: Info, run_id: Id) -> SystemTaskRun | None:
    """One run."""
    try:
        return await _run(info, run_id)
    except RunNotFound:
        return None


async def follow_run(info: Info, run_id: Id) -> AsyncIterator[SystemTaskRun]:
    """The state of a run now; the gateway asks again whenever it may have changed. Raises RunNotFound."""
    yield await _run(info, run_id)


async def run_system_task(info: Info, name: Name) -> RunSystemTaskPayload:
    """Press RUN."""
    requested, errors = await attempt(info.context, lambda work: actions.run(work, name))
    return RunSystemTaskPayload(
        row=requested.run_id if requested else None,
        is_new=requested.is_new if requested else False,
        user_errors=errors,
    )


async def set_system_task_enabled(info: Info, name: Name, enabled: Enabled) -> SystemTaskPayload:
    """Switch a task on or off."""
    _, errors = await attempt(info.context, lambda work: actions.set_enabled(work, name, is_enabled=enabled))
    return SystemTaskPayload(name=None if errors else name, user_errors=errors)


async def set_system_task_time(info: Info, name: Name, at: At, time_zone: Zone = None) -> SystemTaskPayload:
    """Give a daily task another time."""
    _, errors = await attempt(info.context, lambda work: actions.set_time(work, name, at, time_zone))
    return SystemTaskPayload(name=None if errors else name, user_errors=errors)


def run_of(row: TaskRun, tenant: int) -> SystemTaskRun:
    """A run from its row."""
    return SystemTaskRun(
        id=global_id("SystemTaskRun", tenant, row.id),
        row=row.id,
        task=row.task,
        trigger=Trigger(row.trigger),
        state=RunState(row.state),
        attempt=row.attempt,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        counters=_counters(row.counters),
        error_class=row.error_class,
        error_message=row.error_message,
    )


async def _run(info: Info, run_id: strawberry.ID) -> SystemTaskRun:
    tenant = info.context.environment.tenant.number
    return run_of(await run_by_id(info.context.snapshot, row_id(run_id, "SystemTaskRun", tenant)), tenant)


def _counters(counted: Mapping[str, object]) -> list[Counter]:
    return [Counter(name=name, count=count) for name, count in sorted(counted.items()) if isinstance(count, int)]


def _line(row: TaskRunLog) -> LogLine:
    return LogLine(at=row.at, level=row.level, code=row.code, message=row.message)


def _task(scheduled: ScheduledTask, tenant: int, features: Features) -> SystemTask:
    task, schedule, average = scheduled.task, scheduled.schedule, scheduled.average_duration
    return SystemTask(
        name=task.name,
        title=task.title,
        description=task.description,
        section=task.section,
        switched_by=task.switch,
        feature=task.feature,
        available=task.feature is None or task.feature in features,
        enabled=schedule.is_enabled,
        rule=schedule.rule,
        time_zone=schedule.time_zone,
        next_run_at=schedule.next_run_at,
        average_seconds=None if average is None else average.total_seconds(),
        last_run=run_of(scheduled.last_run, tenant) if scheduled.last_run else None,
    )


VIEW, RUN = requires(Permission.VIEW_SYSTEM_TASKS), requires(Permission.RUN_SYSTEM_TASKS)


@strawberry.type
class TaskQueries:
    """System tasks."""

    system_tasks: list[SystemTask] | None = strawberry.field(
        resolver=read_system_tasks, description="All system tasks, in the order of the list.", metadata=VIEW
    )
    system_task: SystemTask | None = strawberry.field(
        resolver=find_system_task, description="The system task of this name; null if there is none.", metadata=VIEW
    )
    system_task_run: SystemTaskRun | None = strawberry.field(
        resolver=find_run, description="The run with this id; null if there is none.", metadata=VIEW
    )


@strawberry.type
class TaskMutations:
    """What staff do with system tasks."""

    run_system_task: RunSystemTaskPayload | None = strawberry.field(
        resolver=run_system_task,
        description="Run a task as soon as possible. While a run of it is unfinished, that one is the answer.",
        metadata=RUN,
    )
    set_system_task_enabled: SystemTaskPayload | None = strawberry.field(
        resolver=set_system_task_enabled, description="Switch a task's schedule on or off.", metadata=RUN
    )
    set_system_task_time: SystemTaskPayload | None = strawberry.field(
        resolver=set_system_task_time,
        description="Give a task that is due once a day, such as the backup, another time of day.",
        metadata=RUN,
    )


@strawberry.type
class TaskSubscriptions:
    """System tasks as they change."""

    system_task_run: AsyncIterator[SystemTaskRun] = strawberry.subscription(
        resolver=follow_run,
        description="A run as it goes on: a state stream, each message is the whole current state.",
        metadata=VIEW | live(TOPIC),
    )
