"""What nobody names any more, over all places of the platform: schemas, roles, rows of the ledger, host names, keys, files.

The audit looks for it and the sweep removes it. Everything is named in the registry before it is made, and what is found is
read before what is named: nothing that is being made is taken for left behind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from sqlalchemy import Select, delete, select, text

from tenants.audits import Finding, find_drift, find_leaning, find_stray_grants
from tenants.backups.actions import remove_left_over
from tenants.copies.dropping import sweep, unnamed_schemas
from tenants.copies.ending import end_abandoned
from tenants.copies.requests import MOVE, moved_role
from tenants.copies.switch import withdraw
from tenants.environments import State
from tenants.lifecycle.exports import remove_old_exports
from tenants.old_keys import remove_old_data_keys
from tenants.platform_tasks import ledger_name
from tenants.registry.models import CellRow, DataKeyRow, EnvironmentRow, HostnameRow, TenantRow
from tenants.registry.records import BackupKeyRow, BackupRow, CopyRow
from tenants.repairing import repair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.copies.copier import Copier
    from tenants.databases import Databases

# Roles are of the whole server, which other platforms may share: those that this cell's login may become are ours.
_ROLES = text("""
    select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid
    where m.member = to_regrole(:app) and r.rolname ~ '^e_[0-9a-f]{32}$'
""")
_LEDGER = text("""
    select environment from platform.task_schedule union select environment from platform.task_run
""")
_FORGET = (
    text("delete from platform.task_schedule where environment = :role"),
    text("delete from platform.task_run where environment = :role"),
)


async def audit_everything(copier: Copier) -> list[Finding]:
    """All that is not as it should be: shapes, what leans on another tenant, grants, and what nobody names."""
    databases = copier.databases
    await copier.registry.load()
    everybody = [*copier.registry.current.by_id.values()]
    found = await find_drift(databases, everybody)
    for cell in await _cells(databases):
        found += await find_leaning(databases, cell)
        found += await find_stray_grants(databases, cell, [e for e in everybody if e.cell == cell])
    return found + await find_orphans(copier)


async def find_orphans(copier: Copier) -> list[Finding]:
    """Everything that nobody names, in words."""
    databases, found = copier.databases, list[Finding]()
    for cell in await _cells(databases):
        found += [Finding(name, "a schema that nobody names") for name in await unnamed_schemas(databases, cell)]
        found += [Finding(name, "a role that no environment has") for name in await _unnamed_roles(databases, cell)]
        found += [Finding(name, "rows of the run ledger of nobody") for name in await _unnamed_rows(databases, cell)]
    found += [Finding(name, "a host name of a deleted environment") for name in await _hosts_of_nobody(databases)]
    found += [Finding(str(tenant), "keys of a deleted tenant") for tenant in await _keys_of_nobody(databases)]
    found += [Finding(name, "files of no backup") for name in await _unnamed_folders(copier)]
    return found


async def sweep_everything(copier: Copier) -> list[Finding]:
    """Let the registry follow the grants, end what nobody carries out, and remove what nobody names. Returns what was done."""
    databases, done = copier.databases, list[Finding]()
    await copier.registry.load()
    for environment in copier.registry.current.by_id.values():
        if await repair(databases, environment):
            done.append(Finding(environment.schema, "the registry follows the grant"))
    done += await _sweep_what_is_over(copier)
    for cell in await _cells(databases):
        done += await _sweep_cell(databases, cell)
    for folder in await _unnamed_folders(copier):
        await asyncio.to_thread(copier.storage.remove, folder)
        done.append(Finding(folder, "files of no backup"))
    async with databases.control().begin() as connection:
        await connection.execute(delete(HostnameRow).where(HostnameRow.environment_id.in_(_deleted())))
        for row in (DataKeyRow, BackupKeyRow):
            await connection.execute(delete(row).where(row.tenant_id.in_(_deleted_tenants())))
    return done


async def _sweep_what_is_over(copier: Copier) -> list[Finding]:
    done = list[Finding]()
    if ended := await end_abandoned(copier.databases, copier.clock()):
        done.append(Finding("copies", f"{ended} that nobody carried out were ended"))
    if removed := await remove_left_over(copier):
        done.append(Finding("backups", f"{removed} that were broken or over were removed"))
    if removed := await remove_old_exports(copier):
        done.append(Finding("exports", f"{removed} that were over were removed"))
    if removed := await remove_old_data_keys(copier):
        done.append(Finding("data keys", f"{removed} that nothing needs were removed"))
    return done


async def _sweep_cell(databases: Databases, cell: str) -> list[Finding]:
    owner, database = databases.owner(cell), databases.database_name(cell)
    roles = await _unnamed_roles(databases, cell)
    for role in roles:
        await withdraw(owner, role, database=database)
    done = [Finding(name, "a schema that nobody names") for name in await sweep(databases, cell)]
    for role in await _unnamed_rows(databases, cell):
        await _forget_rows(databases, cell, role)
        done.append(Finding(role, "rows of the run ledger of nobody"))
    for role in roles:
        await _drop_role(databases, cell, role)
        done.append(Finding(role, "a role that no environment has"))
    return done


async def _cells(databases: Databases) -> Sequence[str]:
    async with databases.control().connect() as connection:
        return (await connection.scalars(select(CellRow.name).order_by(CellRow.name))).all()


async def _unnamed_roles(databases: Databases, cell: str) -> list[str]:
    async with databases.owner(cell).connect() as connection:
        app = f"{databases.database_name(cell)}_app"
        found = {str(name) for name in await connection.scalars(_ROLES, {"app": app})}
    return sorted(found - await _roles(databases))


async def _unnamed_rows(databases: Databases, cell: str) -> list[str]:
    async with databases.ledger(cell).connect() as connection:
        found = {str(name) for name in await connection.scalars(_LEDGER)}
    return sorted(found - await _roles(databases) - {ledger_name(databases.database_name(""))})


async def _roles(databases: Databases) -> set[str]:
    """Of environments, and of the moves that are under way: the one before and the one after."""
    e, c = EnvironmentRow, CopyRow
    moves = select(c.id, c.from_role).where(c.kind == MOVE, c.state.in_(("queued", "running")))
    async with databases.control().connect() as connection:
        named = await connection.scalars(select(e.role_name).where(e.state != State.DELETED))
        found = {str(role) for role in named}
        for copy in await connection.execute(moves):
            found |= {moved_role(copy.id), str(copy.from_role)}
        return found


async def _hosts_of_nobody(databases: Databases) -> list[str]:
    async with databases.control().connect() as connection:
        wanted = select(HostnameRow.name).where(HostnameRow.environment_id.in_(_deleted()))
        return sorted((await connection.scalars(wanted)).all())


async def _keys_of_nobody(databases: Databases) -> list[UUID]:
    gone = _deleted_tenants()
    async with databases.control().connect() as connection:
        keys = await connection.scalars(select(DataKeyRow.tenant_id).where(DataKeyRow.tenant_id.in_(gone)))
        pairs = await connection.scalars(select(BackupKeyRow.tenant_id).where(BackupKeyRow.tenant_id.in_(gone)))
        return [*keys.all(), *pairs.all()]


async def _unnamed_folders(copier: Copier) -> list[str]:
    found = set(await asyncio.to_thread(copier.storage.folders))
    async with copier.databases.control().connect() as connection:
        named = (await connection.scalars(select(BackupRow.folder).where(BackupRow.state != "removed"))).all()
    return sorted(found - set(named))


def _deleted() -> Select[UUID]:
    return select(EnvironmentRow.id).where(EnvironmentRow.state == State.DELETED)


def _deleted_tenants() -> Select[UUID]:
    return select(TenantRow.id).where(TenantRow.state == State.DELETED)


async def _forget_rows(databases: Databases, cell: str, role: str) -> None:
    async with databases.ledger(cell).begin() as connection:
        for statement in _FORGET:
            await connection.execute(statement, {"role": role})


async def _drop_role(databases: Databases, cell: str, role: str) -> None:
    async with databases.owner(cell).begin() as connection:
        await connection.exec_driver_sql(sql.SQL("drop role {}").format(sql.Identifier(role)).as_string(None))
