"""Reading the list of backups of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from tenants.registry.records import BackupRow

if TYPE_CHECKING:
    from tenants.databases import Databases


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as people see it. ``size`` is in bytes, as it lies in the storage."""

    id: UUID
    environment_id: UUID
    reason: str
    state: str
    actor: str
    head: str
    started_at: datetime
    finished_at: datetime | None
    rows: int | None
    size: int | None
    verified_at: datetime | None
    error: str | None


async def backups_of(
    databases: Databases, environment_id: UUID, *, number: int, before: UUID | None = None
) -> Sequence[Backup]:
    """The backups of an environment, newest first: those that can be used, run, or failed lately."""
    b = BackupRow
    columns: tuple[Any, ...] = (b.id, b.environment_id, b.reason, b.state, b.actor, b.head, b.started_at)
    wanted = (
        select(*columns, b.finished_at, b.row_count, b.byte_count, b.verified_at, b.error)
        .where(b.environment_id == environment_id, b.state.in_(("running", "complete", "failed")))
        .order_by(b.id.desc())
        .limit(number)
    )
    if before is not None:
        wanted = wanted.where(b.id < before)
    async with databases.control().connect() as connection:
        return [Backup(*tuple(row)) for row in await connection.execute(wanted)]
