"""Deleting: keys first, then rows in small steps, then a record that proves it. Every step may be repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.kernel.errors import NotFound
from tenants.backups.actions import remove
from tenants.copies.dropping import drop_role
from tenants.copies.ending import end_copies_into
from tenants.copies.switch import withdraw
from tenants.environments import Environment, EnvironmentKind, State
from tenants.keys.backups import forget as forget_backup_key
from tenants.lifecycle.exports import remove_exports
from tenants.lifecycle.forgetting import forget_people
from tenants.moves.runs import forget as forget_runs
from tenants.registry.actions import begin_deletion, note, transition
from tenants.registry.models import DataKeyRow, EnvironmentRow, HostnameRow, TenantRow
from tenants.registry.records import BackupRow, ErasureRow, VanityDomainRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.copies.copier import Copier

BASE_BACKUPS_KEPT = timedelta(days=30)
"""How long base backups and WAL of a cell are kept (docs/operations.md): until then a deleted row is in one of them."""
TOMBSTONES = "erasures"
"""The folder of the backups' storage where each deleted tenant has a file, which outlives a recovery of the database."""


class Tombstone(BaseModel):
    """That a tenant was deleted, in a file: nothing but its id and the reason."""

    tenant_id: UUID
    reason: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a deletion, why and when."""

    actor: str
    reason: str
    asked_at: datetime


async def delete_environment(copier: Copier, environment_id: UUID, *, actor: str, reason: str) -> None:
    """Delete one environment: hosts, grant, rows, role, runs. Its backups stay until their time is over.

    Raises NotFound.
    """
    environment = await copier.registry.known(environment_id)
    control = copier.databases.control()
    async with control.begin() as connection:
        await begin_deletion(connection, environment_id, actor=actor, reason=reason)
        await end_copies_into(connection, environment_id)
        await connection.execute(delete(HostnameRow).where(HostnameRow.environment_id == environment_id))
        await connection.execute(delete(VanityDomainRow).where(VanityDomainRow.environment_id == environment_id))
    await copier.registry.load()
    await copier.bus.nudge("registry")
    await _remove_rows(copier, environment)
    async with control.begin() as connection:
        await transition(connection, environment_id, State.DELETED, actor=actor, reason=reason)
        await note(connection, actor, "environment_deleted", environment=str(environment_id), reason=reason)
    await copier.registry.load()
    await copier.bus.nudge("registry")


async def delete_tenant(copier: Copier, tenant_id: UUID, *, actor: str, reason: str) -> None:
    """Delete a tenant: its keys are destroyed first, so that whatever is left of it anywhere opens no more.

    Raises NotFound. What proves it stands in ``registry.erasure``; who asked for it first, and why, stands there already.
    """
    control = copier.databases.control()
    async with control.begin() as connection:
        there = select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update(key_share=True)
        if await connection.scalar(there) is None:
            raise NotFound("There is no such tenant.")
        asked = await ask_for_erasure(connection, tenant_id, actor=actor, reason=reason)
        await connection.execute(delete(DataKeyRow).where(DataKeyRow.tenant_id == tenant_id))
        await forget_backup_key(connection, tenant_id)
        await _noted(connection, tenant_id, keys_destroyed_at=func.coalesce(ErasureRow.keys_destroyed_at, func.now()))
    await copier.registry.load()
    await copier.bus.nudge("registry")
    await _bury(copier, Tombstone(tenant_id=tenant_id, reason=asked.reason, asked_at=asked.asked_at))
    await _remove_backups(copier, tenant_id)
    await remove_exports(copier, tenant_id)
    await _remove_environments(copier, tenant_id, actor=asked.actor, reason=asked.reason)
    await forget_people(copier.databases, tenant_id)
    async with control.begin() as connection:
        now = copier.clock()
        await _noted(connection, tenant_id, finished_at=now, base_backups_until=now + BASE_BACKUPS_KEPT)
        anonymous = {"name": "(deleted)", "state": State.DELETED, "mail_domain": None}
        await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(anonymous))
        await note(connection, asked.actor, "tenant_deleted", tenant=str(tenant_id), reason=asked.reason)
    await copier.bus.nudge("registry")


async def ask_for_erasure(connection: AsyncConnection, tenant_id: UUID, *, actor: str, reason: str) -> Asked:
    """Write down that a tenant is to be deleted. Returns who asked first, when and why."""
    r = ErasureRow
    row = {"tenant_id": tenant_id, "actor": actor, "reason": reason}
    await connection.execute(insert(r).values(row).on_conflict_do_nothing())
    wanted = select(r.actor, r.reason, r.asked_at).where(r.tenant_id == tenant_id)
    return Asked(*(await connection.execute(wanted)).one())


async def _bury(copier: Copier, tombstone: Tombstone) -> None:
    if copier.storage.is_configured:
        path, content = f"{TOMBSTONES}/{tombstone.tenant_id}.json", tombstone.model_dump_json().encode()
        await asyncio.to_thread(copier.storage.put, path, content)


async def _remove_environments(copier: Copier, tenant_id: UUID, *, actor: str, reason: str) -> None:
    """Production last: its state is the tenant's."""
    e = EnvironmentRow
    wanted = select(e.id, e.schema_name).where(e.tenant_id == tenant_id, e.state != State.DELETED)
    async with copier.databases.control().connect() as connection:
        rows = (await connection.execute(wanted.order_by(e.kind == EnvironmentKind.PRODUCTION))).all()
    for row in rows:
        async with copier.databases.control().begin() as connection:
            named = func.array_append(func.array_remove(ErasureRow.schemas, row.schema_name), row.schema_name)
            await _noted(connection, tenant_id, schemas=named)
        await delete_environment(copier, row.id, actor=actor, reason=reason)


async def _remove_backups(copier: Copier, tenant_id: UUID) -> None:
    b, e = BackupRow, EnvironmentRow
    wanted = select(b.id, b.folder).join_from(b, e, b.environment_id == e.id)
    async with copier.databases.control().connect() as connection:
        rows = (await connection.execute(wanted.where(e.tenant_id == tenant_id, b.state != "removed"))).all()
    for row in rows:
        await remove(copier, row.id, row.folder)
    gone = select(func.count()).select_from(b).join(e, b.environment_id == e.id)
    async with copier.databases.control().begin() as connection:
        number = await connection.scalar(gone.where(e.tenant_id == tenant_id, b.state == "removed"))
        await _noted(connection, tenant_id, backups=number)


async def _noted(connection: AsyncConnection, tenant_id: UUID, **facts: object) -> None:
    await connection.execute(update(ErasureRow).where(ErasureRow.tenant_id == tenant_id).values(**facts))


async def _remove_rows(copier: Copier, environment: Environment) -> None:
    databases = copier.databases
    owner, database = databases.owner(environment.cell), databases.database_name(environment.cell)
    async with databases.ledger(environment.cell).begin() as connection:
        await forget_runs(connection, environment.role)
    for schema in sorted({environment.schema, *await withdraw(owner, environment.role, database=database)}):
        await copier.drop(environment.cell, schema)
    await drop_role(owner, environment.role)
