"""System tasks in the admin API: schedules, switches, and the RUN button. Their runs are in ``runs``."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import Feature, Features
from domain.kernel.ledger import TaskRun
from domain.kernel.paging import Page, read_page
from domain.tasks import actions
from domain.tasks.catalogue import Section, Switch
from domain.tasks.queries import ScheduledTask, run_by_id, scheduled_tasks, visible_runs
from schema.admin.runs import SystemTaskRun, run_of
from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.declare import PUBLIC, needs, requires
from schema.loaders import once
from schema.paging import Connection, connection, read_cursor
from schema.payloads import ARGUMENTS, UserError, attempt


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


async def run_system_task(info: Info, name: Name) -> RunSystemTaskPayload:
    """Press RUN."""
    requested, errors = await attempt(info.context, lambda work: actions.run(work, name), ARGUMENTS)
    return RunSystemTaskPayload(
        row=requested.run_id if requested else None,
        is_new=requested.is_new if requested else False,
        user_errors=errors,
    )


async def set_system_task_enabled(info: Info, name: Name, enabled: Enabled) -> SystemTaskPayload:
    """Switch a task on or off."""
    _, errors = await attempt(info.context, lambda work: actions.set_enabled(work, name, is_enabled=enabled), ARGUMENTS)
    return SystemTaskPayload(name=None if errors else name, user_errors=errors)


async def set_system_task_time(info: Info, name: Name, at: At, time_zone: Zone = None) -> SystemTaskPayload:
    """Give a daily task another time."""
    _, errors = await attempt(info.context, lambda work: actions.set_time(work, name, at, time_zone), ARGUMENTS)
    return SystemTaskPayload(name=None if errors else name, user_errors=errors)


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
