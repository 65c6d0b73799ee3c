"""Backups and copies as the admin API and the control plane show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.paging import Page
from schema.arguments import After, First
from schema.context import Context
from schema.declare import PUBLIC, needs
from schema.ids import global_id
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError
from tenants.backups.queries import Backup as BackupFacts
from tenants.backups.queries import backups_of
from tenants.copies.errors import CopyUnfinished
from tenants.environments import Environment
from tenants.previews.queries import Copy as CopyFacts
from tenants.previews.queries import Lock as LockFacts


@needs(PUBLIC)
@strawberry.type(description="A backup of an environment. The field that returns it says who may see it.")
class Backup(Node):
    """A backup."""

    state: str = strawberry.field(description="`running`, `complete` or `failed`. Only a complete one can be used.")
    reason: str = strawberry.field(description="Why it was taken: `nightly`, `by hand`, `before a restore`.")
    taken_by: str = strawberry.field(description="Who or what took it.")
    head: str = strawberry.field(description="The migration that its data are at.")
    started_at: datetime = strawberry.field(description="The moment its data are of.")
    finished_at: datetime | None = strawberry.field(description="When it was complete, or failed.")
    rows: int | None = strawberry.field(description="How many rows it has.")
    kilobytes: int | None = strawberry.field(description="Its size in the storage, in units of 1,000 bytes.")
    verified_at: datetime | None = strawberry.field(description="When it was last restored for a proof.")
    error: str | None = strawberry.field(description="What was wrong, if anything was.")


@needs(PUBLIC)
@strawberry.type(description="A copy into an environment, and how far it is. The old data serve until it is complete.")
class Copy:
    """A copy under way, or the last one."""

    kind: str = strawberry.field(description="`refresh`, `restore` or `move`.")
    state: str = strawberry.field(description="`queued`, `running`, `complete` or `failed`.")
    step: str = strawberry.field(description="The step it is at: `load`, `switch`, `furnish`, `drop`, …")
    rows_done: int = strawberry.field(description="How many rows are loaded.")
    rows_total: int = strawberry.field(description="How many rows the backup has; 0 until that is known.")
    started_by: str = strawberry.field(description="Who asked for it.")
    started_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    error_code: str | None = strawberry.field(description="The code of what went wrong, as in docs/errors.md.")
    message: str = strawberry.field(description="Where it stands, in words for the top of the page.")


@needs(PUBLIC)
@strawberry.type(description="One locking or unlocking of a preview against refreshes.")
class Lock:
    """An entry of the history."""

    is_locked: bool = strawberry.field(description="Whether it was locked then.")
    reason: str = strawberry.field(description="The reason that was given.")
    actor: str = strawberry.field(description="Who did it.")
    at: datetime = strawberry.field(description="When.")


@needs(PUBLIC)
@strawberry.type(description="The answer to a request for a copy.")
class CopyPayload:
    """What was asked for, or why not."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    is_accepted: bool = strawberry.field(description="Whether it will be done; `lastCopy` tells how far it is.")


async def read_backups(
    context: Context, environment: Environment, first: First, after: After, *, number: int
) -> Connection[Backup]:
    """A page of an environment's backups, newest first; ``number`` is what their ids carry."""
    page = Page(first, read_cursor(after or None, UUID))
    found = await backups_of(context.services.databases, environment.id, number=page.first + 1, before=page.after)
    return connection(
        found[: page.first],
        lambda one: shown_backup(one, number),
        lambda one: one.id,
        after=page.after,
        has_more=len(found) > page.first,
    )


def shown_backup(facts: BackupFacts, tenant: int) -> Backup:
    """A backup as it is shown."""
    return Backup(
        id=global_id("Backup", tenant, facts.id),
        state=facts.state,
        reason=facts.reason,
        taken_by=facts.actor,
        head=facts.head,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        rows=facts.rows,
        kilobytes=None if facts.size is None else -(-facts.size // 1000),
        verified_at=facts.verified_at,
        error=facts.error,
    )


def shown_copy(facts: CopyFacts | None) -> Copy | None:
    """A copy as it is shown."""
    if facts is None:
        return None
    return Copy(
        kind=facts.kind,
        state=facts.state,
        step=facts.step,
        rows_done=facts.rows_done,
        rows_total=facts.rows_total,
        started_by=facts.actor,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        error_code=facts.error_code,
        message=_message(facts),
    )


def shown_locks(history: Sequence[LockFacts]) -> list[Lock]:
    """The history as it is shown."""
    return [Lock(is_locked=one.is_locked, reason=one.reason, actor=one.actor, at=one.at) for one in history]


def _message(facts: CopyFacts) -> str:
    if facts.state == "complete":
        return "The database is refreshed." if facts.kind == "refresh" else "The data are there."
    if facts.error_code == CopyUnfinished.code:
        return f"The new data are there, but not everything was done that belongs to it: {facts.error}"
    if facts.state == "failed":
        return f"It failed, and the old data are as they were: {facts.error or facts.error_code}"
    if facts.rows_total:
        return f"Please wait: {min(100, 100 * facts.rows_done // facts.rows_total)} % of the rows are loaded."
    return "Please wait: it begins as soon as a worker is free."


MAY_SEE, MAY_CHANGE = Permission.VIEW_SETTINGS, Permission.MANAGE_PREVIEWS
"""Who sees backups and the preview space in the admin API, and who refreshes and locks it."""
