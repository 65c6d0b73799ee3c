"""Asking for a copy: a row of the registry that says what is wanted, and the run that carries it out, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from domain.kernel.ids import uuid7
from tenants.copies.copier import BackupNotFound
from tenants.copies.ending import end_left_alone
from tenants.copies.errors import CopyRunning
from tenants.platform_tasks import COPY, enqueue, ledger_name
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import BackupRow, CopyRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

REFRESH, RESTORE, MOVE = "refresh", "restore", "move"


def moved_role(copy_id: UUID) -> str:
    """The role of an environment after a move: named after it, so that every try at it means the same one."""
    return f"e_{copy_id.hex}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: into which environment, from what, by whom. ``login_id`` is the login that goes on in a preview."""

    kind: str
    environment_id: UUID
    tenant_id: UUID
    actor: str
    backup_id: UUID | None = None
    to_cell: str | None = None
    login_id: UUID | None = None
    is_anonymised: bool = False


async def ask_for_copy(databases: Databases, connection: AsyncConnection, wanted: Wanted) -> UUID:
    """Write the copy and its run. Returns the copy's id. Raises BackupNotFound, CopyRunning."""
    if wanted.backup_id is not None:
        await _check_backup(connection, wanted.backup_id, wanted.tenant_id)
    await end_left_alone(connection, wanted.environment_id)
    copy_id = uuid7()
    values = {"environment_id": wanted.environment_id, "kind": wanted.kind, "actor": wanted.actor}
    options = {"backup_id": wanted.backup_id, "to_cell": wanted.to_cell, "carried_login_id": wanted.login_id}
    row = insert(CopyRow).values(id=copy_id, is_anonymised=wanted.is_anonymised, **values, **options)
    try:
        async with connection.begin_nested():
            await connection.execute(row)
    except IntegrityError as error:
        raise await _running(connection, wanted.environment_id) from error
    name = ledger_name(databases.database_name(""))
    await enqueue(connection, name, COPY, copy_id)
    facts = {"environment": str(wanted.environment_id), "copy": str(copy_id), "backup": str(wanted.backup_id or "")}
    await note(connection, wanted.actor, f"{wanted.kind}_requested", **facts)
    return copy_id


async def _check_backup(connection: AsyncConnection, backup_id: UUID, tenant_id: UUID) -> None:
    b, e = BackupRow, EnvironmentRow
    wanted = select(b.id).join_from(b, e, b.environment_id == e.id)
    found = await connection.scalar(wanted.where(b.id == backup_id, b.state == "complete", e.tenant_id == tenant_id))
    if found is None:
        raise BackupNotFound("There is no such backup.", field="backupId")


async def _running(connection: AsyncConnection, environment_id: UUID) -> CopyRunning:
    c = CopyRow
    wanted = select(c.id, c.actor, c.kind).where(c.environment_id == environment_id, c.state.in_(("queued", "running")))
    row = (await connection.execute(wanted)).first()
    facts = {"copy": str(row.id), "by": row.actor, "kind": row.kind} if row else {}
    return CopyRunning("A copy into this environment is under way already.", **facts)
