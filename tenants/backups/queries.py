"""Reading the list of backups of an environment, and when the nightly one is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Select, select

from domain.kernel.actor import Actor
from domain.kernel.ledger import TaskSchedule
from domain.tasks.catalogue import BACK_UP
from tenants.environments import EnvironmentGroup
from tenants.registry.records import BackupRow

if TYPE_CHECKING:
    from tenants.databases import Databases
    from tenants.environments import Environment


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


@dataclass(frozen=True, slots=True)
class BackupTime:
    """When an environment is backed up each night. ``next_at`` is in the window that begins at the time of day."""

    at: time
    time_zone: str
    next_at: datetime | None


async def backups_of(
    databases: Databases, environment_id: UUID, *, number: int, before: UUID | None = None
) -> Sequence[Backup]:
    """The backups of an environment, newest first: those that can be used, run, or failed lately."""
    b = BackupRow
    wanted = _listed().where(b.environment_id == environment_id).order_by(b.id.desc()).limit(number)
    if before is not None:
        wanted = wanted.where(b.id < before)
    async with databases.control().connect() as connection:
        return [Backup(*tuple(row)) for row in await connection.execute(wanted)]


async def backup_by_id(databases: Databases, backup_id: UUID) -> Backup | None:
    """One of those that the lists have, of whatever environment."""
    async with databases.control().connect() as connection:
        row = (await connection.execute(_listed().where(BackupRow.id == backup_id))).one_or_none()
        return Backup(*tuple(row)) if row else None


async def backup_time(databases: Databases, environment: Environment) -> BackupTime | None:
    """When the nightly backup is due; None where there is none (as in previews), or where the environment does not answer."""
    if not (environment.is_routable and environment.kind.group is EnvironmentGroup.LIVE):
        return None
    async with databases.snapshot(environment, Actor.system("backups")) as snapshot:
        schedule = await snapshot.scalar(select(TaskSchedule).where(TaskSchedule.task == BACK_UP.name))
    if schedule is None:
        return None
    _cron, minute, hour, *_days = schedule.rule.split()
    return BackupTime(time(int(hour), int(minute)), schedule.time_zone, schedule.next_run_at)


def _listed() -> Select[*tuple[Any, ...]]:
    b = BackupRow
    columns: tuple[Any, ...] = (b.id, b.environment_id, b.reason, b.state, b.actor, b.head, b.started_at)
    wanted = select(*columns, b.finished_at, b.row_count, b.byte_count, b.verified_at, b.error)
    return wanted.where(b.state.in_(("running", "complete", "failed")))
