"""Runs of system tasks in the admin API, with what they counted and their logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.ledger import RunState, TaskRun, TaskRunLog, Trigger
from domain.kernel.paging import Page, read_page
from domain.tasks.errors import RunNotFound
from domain.tasks.events import TOPIC
from domain.tasks.queries import run_by_id, visible_log_lines
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.declare import live, needs, requires
from schema.ids import global_id, row_id
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor

VIEW = requires(Permission.VIEW_SYSTEM_TASKS)


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


async def find_run(info: Info, run_id: Id) -> SystemTaskRun | None:
    """One run."""
    try:
        return await _run(info, run_id)
    except RunNotFound:
        return None


async def follow_run(info: Info, run_id: Id) -> AsyncIterator[SystemTaskRun]:
    """The state of a run now; the gateway asks again whenever it may have changed. Raises RunNotFound."""
    yield await _run(info, run_id)


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


@strawberry.type
class RunQueries:
    """Runs."""

    system_task_run: SystemTaskRun | None = strawberry.field(
        resolver=find_run, description="The run with this id; null if there is none.", metadata=VIEW
    )


@strawberry.type
class RunSubscriptions:
    """Runs as they go on."""

    system_task_run: AsyncIterator[SystemTaskRun] = strawberry.subscription(
        resolver=follow_run,
        description="A run as it goes on: a state stream, each message is the whole current state.",
        metadata=VIEW | live(TOPIC),
    )
