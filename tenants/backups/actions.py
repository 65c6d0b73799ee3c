"""Taking a backup, proving that it can be restored, and removing those whose time is over."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Update, func, insert, select, update
from sqlalchemy.orm import aliased

from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from tenants.backups.retention import to_keep
from tenants.copies.dump import discard
from tenants.copies.errors import CopyEnded
from tenants.copies.load import Changes
from tenants.copies.storage import CopyDamaged, StorageFailed
from tenants.copies.threads import Progress, together
from tenants.environments import State
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import BackupRow, CopyRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.copies.copier import Copier
    from tenants.copies.dump import Taken
    from tenants.environments import Environment

TIME_ZONE = "America/Toronto"
"""Of the nightly backup and of its calendar of retention, unless a tenant's schedule says otherwise."""
ABANDONED_AFTER = timedelta(hours=6)
ALL_KEPT = timedelta(days=1)
"""How long every backup is kept, several of one day too: whoever took one before a risky change finds it."""
KEPT_OF_DELETED = timedelta(days=30)
"""How long the backups of a deleted environment are kept after its last one, as long as its tenant is there."""

_IN_USE = select(CopyRow.backup_id).where(CopyRow.state.in_(("queued", "running")), CopyRow.backup_id.is_not(None))
"""Backups that a copy under way needs, or one that waits."""


async def back_up(
    copier: Copier, environment: Environment, *, reason: str, actor: str, progress: Progress | None = None
) -> UUID:
    """Take a backup now. Returns its id. A failed one is recorded as such and leaves no files.

    Raises StorageFailed, psycopg.Error, CopyStopped; CopyEnded if it was removed meanwhile, with its tenant for instance.
    """
    backup_id, progress = uuid7(), progress or Progress()
    folder = f"{environment.tenant.id}/{environment.id}/{backup_id}"
    values = {"environment_id": environment.id, "reason": reason, "actor": actor, "folder": folder}
    async with copier.databases.control().begin() as connection:
        await connection.execute(
            insert(BackupRow).values(id=backup_id, head=environment.head, started_at=copier.clock(), **values)
        )
    try:
        taken = await copier.take(environment, folder, progress)
    except BaseException as error:
        await _failed(copier, backup_id, folder, error)
        raise
    if not await _completed(copier, backup_id, environment, taken, actor):
        await together([lambda: discard(copier.storage, folder)], Progress())
        raise CopyEnded("The backup was removed while it was taken.")
    return backup_id


async def verify(copier: Copier, backup_id: UUID, environment: Environment) -> int:
    """Restore a backup into a schema that nobody sees, and drop it again. Returns the rows it has.

    Raises CopyDamaged, after which the backup's row says what is wrong with it; and StorageFailed, BackupNotFound,
    SecretUnreadable, after which nothing is known.
    """
    stored = await copier.stored(backup_id, environment.tenant.id)
    copy_id = uuid7()
    async with copier.databases.control().begin() as connection:
        facts = {"environment_id": environment.id, "backup_id": backup_id, "actor": "verification"}
        await connection.execute(insert(CopyRow).values(id=copy_id, kind="verify", state="running", **facts))
    schema = await copier.new_schema(copy_id, environment.schema)
    try:
        manifest = await copier.load(stored, environment.cell, schema, Changes(), Progress())
    except CopyDamaged as error:
        await _say(copier, backup_id, error=f"{error.code}: {error.message}")
        raise
    finally:
        await copier.drop(environment.cell, schema)
        async with copier.databases.control().begin() as connection:
            over = update(CopyRow).where(CopyRow.id == copy_id)
            await connection.execute(over.values(state="complete", finished_at=copier.clock()))
    await _say(copier, backup_id, error=None)
    return manifest.rows


async def prune(copier: Copier, environment_id: UUID, time_zone: str = TIME_ZONE) -> int:
    """Remove the backups of an environment that no rule of retention keeps, and what broken ones left. Returns how many."""
    b = BackupRow
    wanted = select(b.id, b.folder, b.state, b.started_at).where(b.environment_id == environment_id)
    async with copier.databases.control().connect() as connection:
        rows = (await connection.execute(wanted.where(b.state.in_(("complete", "running", "failed"))))).all()
        wanted_still = (await connection.scalars(_IN_USE)).all()
    now, kept = (
        copier.clock(),
        to_keep((row.started_at for row in rows if row.state == "complete"), ZoneInfo(time_zone)),
    )
    over = [
        row
        for row in rows
        if row.id not in wanted_still
        and (
            row.started_at not in kept and row.started_at < now - ALL_KEPT
            if row.state == "complete"
            else row.started_at < now - ABANDONED_AFTER
        )
    ]
    for row in over:
        await remove(copier, row.id, row.folder)
    return len(over)


async def remove_left_over(copier: Copier) -> int:
    """Remove, of all environments, the backups that dead processes left in the middle, and those of deleted environments.

    The latter are kept for a while after their last one was taken. Returns how many.
    """
    b, e, now = BackupRow, EnvironmentRow, copier.clock()
    other = aliased(BackupRow)
    newest = select(func.max(other.started_at)).where(other.environment_id == e.id).correlate(e).scalar_subquery()
    is_broken = b.state.in_(("running", "failed")) & (b.started_at < now - ABANDONED_AFTER)
    is_over = (b.state == "complete") & (e.state == State.DELETED) & (newest < now - KEPT_OF_DELETED)
    wanted = select(b.id, b.folder).join_from(b, e, b.environment_id == e.id)
    async with copier.databases.control().connect() as connection:
        rows = (await connection.execute(wanted.where((b.state == "removing") | is_broken | is_over))).all()
    for row in rows:
        await remove(copier, row.id, row.folder)
    return len(rows)


async def remove(copier: Copier, backup_id: UUID, folder: str) -> None:
    """Remove a backup: it is no longer offered, then its files go. One that was killed in between is removed again."""
    changed = update(BackupRow).where(BackupRow.id == backup_id)
    async with copier.databases.control().begin() as connection:
        await connection.execute(changed.values(state="removing", finished_at=func.now()))
    await together([lambda: discard(copier.storage, folder)], Progress())
    async with copier.databases.control().begin() as connection:
        await connection.execute(changed.values(state="removed"))


async def next_to_verify(copier: Copier, number: int) -> Sequence[tuple[UUID, UUID]]:
    """Backups that were not verified yet, newest first, of the environments whose last proof is oldest: (id, environment)."""
    b, e = BackupRow, EnvironmentRow
    newest = (
        select(
            b.id,
            b.environment_id,
            func.row_number().over(partition_by=b.environment_id, order_by=b.started_at.desc()).label("place"),
        )
        .join_from(b, e, b.environment_id == e.id)
        .where(b.state == "complete", b.verified_at.is_(None), e.state == "active")
        .subquery()
    )
    last = (
        select(BackupRow.environment_id, func.max(BackupRow.verified_at).label("at"))
        .group_by(BackupRow.environment_id)
        .subquery()
    )
    wanted = (
        select(newest.c.id, newest.c.environment_id)
        .join_from(newest, last, newest.c.environment_id == last.c.environment_id)
        .where(newest.c.place == 1)
        .order_by(last.c.at.asc().nulls_first())
        .limit(number)
    )
    async with copier.databases.control().connect() as connection:
        return [(row.id, row.environment_id) for row in await connection.execute(wanted)]


async def _completed(copier: Copier, backup_id: UUID, environment: Environment, taken: Taken, actor: str) -> bool:
    """Write down that it is whole. False: it was removed meanwhile."""
    manifest = taken.manifest
    facts = {"head": manifest.head, "row_count": manifest.rows, "byte_count": manifest.size}
    facts |= {"data_keys": sorted(taken.data_keys)}
    changed = _running(backup_id).values(
        state="complete", finished_at=copier.clock(), manifest_sha256=taken.sha256, **facts
    )
    async with copier.databases.control().begin() as connection:
        if await connection.scalar(changed.returning(BackupRow.id)) is None:
            return False
        await note(connection, actor, "backed_up", environment=str(environment.id), backup=str(backup_id))
    return True


def _running(backup_id: UUID) -> Update:
    return update(BackupRow).where(BackupRow.id == backup_id, BackupRow.state == "running")


async def _failed(copier: Copier, backup_id: UUID, folder: str, error: BaseException) -> None:
    words = f"{error.code}: {error.message}" if isinstance(error, ParkingError) else type(error).__name__
    async with copier.databases.control().begin() as connection:
        failed = {"state": "failed", "finished_at": copier.clock(), "error": words}
        await connection.execute(_running(backup_id).values(failed))
    with suppress(StorageFailed):  # what is still there is removed by ``prune``
        await together([lambda: discard(copier.storage, folder)], Progress())


async def _say(copier: Copier, backup_id: UUID, *, error: str | None) -> None:
    async with copier.databases.control().begin() as connection:
        changed = update(BackupRow).where(BackupRow.id == backup_id)
        await connection.execute(changed.values(verified_at=copier.clock(), error=error))
