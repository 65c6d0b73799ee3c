"""What nobody names any more, over all places of the platform: schemas, roles, rows of the ledger, host names, keys, files.

The audit looks for it and the sweep removes it. Everything is named in the registry before it is made, and what is found is
read before what is named: nothing that is being made is taken for left behind. A cell that is away is told of, and holds up
no other one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy import Select, delete, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tenants.audits import Finding, find_behind, find_drift, find_leaning, find_stray_grants
from tenants.backups.actions import remove_left_over
from tenants.copies.dropping import drop_role, sweep, unnamed_schemas
from tenants.copies.dump import is_whole
from tenants.copies.ending import end_abandoned, resume_moves
from tenants.copies.requests import MOVE, moved_role
from tenants.copies.switch import withdraw
from tenants.environments import State
from tenants.keys.retirement import remove_old_data_keys
from tenants.lifecycle.exports import old_exports, remove_old_exports
from tenants.moves.abandoned import let_go
from tenants.moves.runs import forget as forget_runs
from tenants.platform_tasks import ledger_name
from tenants.registry.models import CellRow, DataKeyRow, EnvironmentRow, HostnameRow, TenantRow
from tenants.registry.records import BackupKeyRow, BackupRow, CopyRow
from tenants.repairing import repair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.copies.copier import Copier
    from tenants.databases import Databases

log = structlog.get_logger(__name__)

# Roles are of the whole server, which other platforms may share: those that this cell's login may become are ours.
_ROLES = text("""
    select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid
    where m.member = to_regrole(:app) and r.rolname ~ '^e_[0-9a-f]{32}$'
""")
_LEDGER = text("""
    select environment from platform.task_schedule union select environment from platform.task_run
""")
_AWAY = (OperationalError, PoolTimeout, OSError)
SWEPT_SINCE = timedelta(days=1)
"""How long after the end of an export the sweep of the night has had its turn."""


async def audit_everything(copier: Copier) -> list[Finding]:
    """All that is not as it should be: heads, shapes, what leans on another tenant, grants, and what nobody names."""
    databases = copier.databases
    await copier.registry.load()
    everybody = [*copier.registry.current.by_id.values()]

    async def look(cell: str) -> list[Finding]:
        here = [e for e in everybody if e.cell == cell]
        found = await find_drift(databases, here)
        return found + await find_leaning(databases, cell) + await find_stray_grants(databases, cell, here)

    return find_behind(everybody) + await _each_cell(databases, look) + await find_orphans(copier)


async def find_orphans(copier: Copier) -> list[Finding]:
    """Everything that nobody names, in words."""
    databases = copier.databases
    found = await _each_cell(databases, lambda cell: left_in(databases, cell))
    found += [Finding(name, "a host name of a deleted environment") for name in await _hosts_of_nobody(databases)]
    found += [Finding(str(tenant), "keys of a deleted tenant") for tenant in await _keys_of_nobody(databases)]
    for folder in await _unnamed_folders(copier):
        what = "a backup that the registry does not know" if await _is_kept(copier, folder) else "files of no backup"
        found.append(Finding(folder, what))
    over = await old_exports(copier, copier.clock() - SWEPT_SINCE)
    return found + [Finding(path, "an export whose time is over") for path in over]


async def left_in(databases: Databases, cell: str) -> list[Finding]:
    """Everything in a cell that nobody names."""
    return [
        *(Finding(name, "a schema that nobody names") for name in await unnamed_schemas(databases, cell)),
        *(Finding(name, "a role that no environment has") for name in await _unnamed_roles(databases, cell)),
        *(Finding(name, "rows of the run ledger of nobody") for name in await _unnamed_rows(databases, cell)),
    ]


async def sweep_everything(copier: Copier) -> list[Finding]:
    """Let the registry follow the grants, end what nobody carries out, and remove what nobody names. Returns what was done.

    A whole backup that the registry does not know stays: it was taken after the moment that the registry was recovered to.
    """
    databases = copier.databases
    await copier.registry.load()
    done = await _each_cell(databases, lambda cell: _follow_grants(copier, cell))
    done += await _sweep_what_is_over(copier)
    done += await _each_cell(databases, lambda cell: _let_go(copier, cell))
    done += await _each_cell(databases, lambda cell: _sweep_cell(databases, cell))
    for folder in await _unnamed_folders(copier):
        if not await _is_kept(copier, folder):
            await asyncio.to_thread(copier.storage.remove, folder)
            done.append(Finding(folder, "files of no backup"))
    async with databases.control().begin() as connection:
        await connection.execute(delete(HostnameRow).where(HostnameRow.environment_id.in_(_deleted())))
        for row in (DataKeyRow, BackupKeyRow):
            await connection.execute(delete(row).where(row.tenant_id.in_(_deleted_tenants())))
    return done


async def _each_cell(databases: Databases, look: Callable[[str], Awaitable[list[Finding]]]) -> list[Finding]:
    found = list[Finding]()
    for cell in await _cells(databases):
        try:
            found += await look(cell)
        except _AWAY as error:
            log.warning("cell_away", cell=cell, error=repr(error))
            found.append(Finding(cell, "a cell that is away"))
    return found


async def _follow_grants(copier: Copier, cell: str) -> list[Finding]:
    here = [e for e in copier.registry.current.by_id.values() if e.cell == cell]
    followed = [e for e in here if await repair(copier.databases, e)]
    return [Finding(e.schema, "the registry follows the grant") for e in followed]


async def _let_go(copier: Copier, cell: str) -> list[Finding]:
    return [Finding(one.schema, "a move that nobody carries out held it") for one in await let_go(copier, cell)]


async def _sweep_what_is_over(copier: Copier) -> list[Finding]:
    done = list[Finding]()
    if ended := await end_abandoned(copier.databases, copier.clock()):
        done.append(Finding("copies", f"{ended} that nobody carried out were ended"))
    if resumed := await resume_moves(copier.databases):
        done.append(Finding("copies", f"{resumed} moves that were switched go on"))
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
        async with databases.ledger(cell).begin() as connection:
            await forget_runs(connection, role)
        done.append(Finding(role, "rows of the run ledger of nobody"))
    for role in roles:
        await drop_role(owner, role)
        done.append(Finding(role, "a role that no environment has"))
    return done


async def _cells(databases: Databases) -> Sequence[str]:
    async with databases.control().connect() as connection:
        return (
            await connection.scalars(select(CellRow.name).where(CellRow.removed_at.is_(None)).order_by(CellRow.name))
        ).all()


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


async def _is_kept(copier: Copier, folder: str) -> bool:
    """Whether an unnamed folder is a whole backup of a tenant that was not deleted."""
    async with copier.databases.control().connect() as connection:
        deleted = {str(one) for one in await connection.scalars(_deleted_tenants())}
    return folder.partition("/")[0] not in deleted and await asyncio.to_thread(is_whole, copier.storage, folder)


def _deleted() -> Select[UUID]:
    return select(EnvironmentRow.id).where(EnvironmentRow.state == State.DELETED)


def _deleted_tenants() -> Select[UUID]:
    return select(TenantRow.id).where(TenantRow.state == State.DELETED)
