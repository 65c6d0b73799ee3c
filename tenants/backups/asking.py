"""Asking for a backup of an environment or for the proof of one, and setting when the nightly one is due: for staff."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.kernel.actor import Actor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import BACK_UP
from tenants.copies.copier import BackupNotFound
from tenants.copies.errors import NotCopyable
from tenants.environments import EnvironmentGroup, State
from tenants.platform_tasks import VERIFY_BACKUP, enqueue_once, ledger_name
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import BackupRow

if TYPE_CHECKING:
    from tenants.databases import Databases
    from tenants.environments import Environment

_GONE = (State.DELETING, State.DELETED)


async def ask_for_backup(databases: Databases, environment: Environment, *, actor: str) -> UUID:
    """Have a worker back an environment up now; a run that waits already is the answer. Returns the run's id.

    Raises NotCopyable: no worker enters an environment that is not active.
    """
    if environment.state is not State.ACTIVE:
        raise NotCopyable("Only an environment that is active is backed up by a worker.", state=environment.state)
    async with databases.work(environment, Actor.system(actor)) as work:
        requested = await tasks.run(work, BACK_UP.name)
    async with databases.control().begin() as connection:
        await note(connection, actor, "backup_requested", environment=str(environment.id))
    return requested.run_id


async def ask_for_proof(databases: Databases, backup_id: UUID, *, actor: str) -> None:
    """Have a worker restore a backup and drop it again; a proof of it that is unfinished already is the answer.

    Raises BackupNotFound, NotCopyable: the environment of the backup is being deleted.
    """
    b, e = BackupRow, EnvironmentRow
    wanted = select(e.id, e.state).join_from(b, e, b.environment_id == e.id)
    async with databases.control().begin() as connection:
        row = (await connection.execute(wanted.where(b.id == backup_id, b.state == "complete"))).one_or_none()
        if row is None:
            raise BackupNotFound("There is no such backup.", field="id")
        if row.state in _GONE:
            raise NotCopyable("The environment of the backup is deleted.", state=row.state)
        await enqueue_once(connection, ledger_name(databases.database_name("")), VERIFY_BACKUP, backup_id)
        facts = {"environment": str(row.id), "backup": str(backup_id)}
        await note(connection, actor, "backup_proof_requested", **facts)


async def set_backup_time(
    databases: Databases, environment: Environment, at: time, time_zone: str | None, *, actor: str
) -> None:
    """Set the time of day of the nightly backup. Raises TimeZoneUnknown, NotCopyable: a preview is backed up by hand only."""
    if environment.kind.group is not EnvironmentGroup.LIVE:
        raise NotCopyable("Previews are not backed up each night.", kind=environment.kind)
    async with databases.work(environment, Actor.system(actor)) as work:
        await tasks.set_time(work, BACK_UP.name, at, time_zone)
    async with databases.control().begin() as connection:
        facts = {"environment": str(environment.id), "at": f"{at:%H:%M}", "time_zone": time_zone or ""}
        await note(connection, actor, "backup_time_set", **facts)
