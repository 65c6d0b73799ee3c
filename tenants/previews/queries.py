"""Reading what is known of a preview space: its end, its locks, the copy that is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from tenants.previews.expiring import use_of
from tenants.previews.rules import ends_at
from tenants.registry.records import CopyRow, LockRow

if TYPE_CHECKING:
    from tenants.copies.copier import Copier
    from tenants.databases import Databases
    from tenants.environments import Environment

LOCKS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Lock:
    """One locking or unlocking."""

    is_locked: bool
    reason: str
    actor: str
    at: datetime
    actor_user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy into an environment, and how far it is."""

    id: UUID
    kind: str
    state: str
    step: str
    rows_done: int
    rows_total: int
    actor: str
    started_at: datetime
    finished_at: datetime | None
    error_code: str | None
    error: str | None
    backup_id: UUID | None


@dataclass(frozen=True, slots=True)
class PreviewFacts:
    """What the page Reset Database shows of a preview besides the list of backups."""

    is_locked: bool
    expires_at: datetime | None
    ends_at: datetime | None
    last_login_at: datetime | None
    copied_at: datetime | None


async def preview_facts(copier: Copier, preview: Environment) -> PreviewFacts:
    """The facts of now."""
    use = await use_of(copier, preview)
    return PreviewFacts(use.is_locked, use.expires_at, ends_at(use), use.last_login_at, use.copied_at)


async def lock_history(databases: Databases, environment_id: UUID) -> Sequence[Lock]:
    """The last ten, newest first."""
    lock = LockRow
    wanted = select(lock.is_locked, lock.reason, lock.actor, lock.at, lock.actor_user_id)
    wanted = wanted.where(lock.environment_id == environment_id)
    async with databases.control().connect() as connection:
        return [Lock(*row) for row in await connection.execute(wanted.order_by(lock.at.desc()).limit(LOCKS_SHOWN))]


async def last_copy(databases: Databases, environment_id: UUID) -> Copy | None:
    """The copy that is under way or was the last; proofs of backups do not count."""
    c = CopyRow
    columns: tuple[Any, ...] = (c.id, c.kind, c.state, c.step, c.rows_done, c.rows_total, c.actor, c.started_at)
    wanted = (
        select(*columns, c.finished_at, c.error_code, c.error, c.backup_id)
        .where(c.environment_id == environment_id, c.kind != "verify")
        .order_by(c.id.desc())
        .limit(1)
    )
    async with databases.control().connect() as connection:
        row = (await connection.execute(wanted)).first()
        return Copy(*tuple(row)) if row else None
