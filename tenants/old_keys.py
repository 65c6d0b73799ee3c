"""Old data keys go when nothing needs them: no environment has a secret of theirs, and no backup that can be restored.

What needs a key is looked at, never concluded from times: a restore brings secrets back that were sealed long ago.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import delete, func, select, tuple_

from tenants.copies.sealed import sealed_with
from tenants.environments import Environment, State
from tenants.registry.actions import note
from tenants.registry.models import DataKeyRow, EnvironmentRow
from tenants.registry.records import BackupRow, CopyRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from tenants.connecting import Connector
    from tenants.copies.copier import Copier
    from tenants.databases import Databases

log = structlog.get_logger(__name__)

SETTLED = timedelta(days=1)
"""The age of a newest key from which on no process, however long it heard nothing, seals with the one before."""

Versions = dict[UUID, set[int]]


async def remove_old_data_keys(copier: Copier) -> int:
    """Remove the data keys that nothing needs; a tenant of which not all can be seen keeps its own. Returns how many."""
    databases = copier.databases
    over = await _superseded(databases, copier.clock() - SETTLED)
    if not over:
        return 0
    await _keep_for_backups(databases, over)
    await copier.registry.load()
    await _keep_for_environments(databases, copier.registry.current.by_id.values(), over, copier.sanitiser.sealed)
    await _keep_for_backups(databases, over)  # one that began before its environment was sealed anew
    gone = [(tenant_id, version) for tenant_id, versions in over.items() for version in sorted(versions)]
    if gone:
        async with databases.control().begin() as connection:
            d = DataKeyRow
            await connection.execute(delete(d).where(tuple_(d.tenant_id, d.version).in_(gone)))
            await note(connection, "sweep", "data_keys_removed", number=str(len(gone)))
    return len(gone)


async def _superseded(databases: Databases, settled_before: datetime) -> Versions:
    """The versions below the newest of each tenant, where that is settled."""
    d, over = DataKeyRow, defaultdict[UUID, set[int]](set)
    newest = select(d.tenant_id, func.max(d.version).label("version"), func.max(d.created_at).label("at"))
    n = newest.group_by(d.tenant_id).having(func.count() > 1).subquery()
    wanted = select(d.tenant_id, d.version).join_from(d, n, d.tenant_id == n.c.tenant_id)
    async with databases.control().connect() as connection:
        rows = await connection.execute(wanted.where(d.version < n.c.version, n.c.at < settled_before))
        for tenant_id, version in rows:
            over[tenant_id].add(version)
    return over


async def _keep_for_backups(databases: Databases, over: Versions) -> None:
    """Take out what a whole backup needs, and tenants of which a backup or a copy is being made."""
    b, c, e = BackupRow, CopyRow, EnvironmentRow
    backups = select(e.tenant_id, b.data_keys).join_from(b, e, b.environment_id == e.id)
    copies = select(e.tenant_id).join_from(c, e, c.environment_id == e.id).where(c.state.in_(("queued", "running")))
    async with databases.control().connect() as connection:
        for tenant_id, versions in await connection.execute(backups.where(b.state.in_(("complete", "running")))):
            if versions is None:
                over.pop(tenant_id, None)
            elif tenant_id in over:
                over[tenant_id].difference_update(versions)
        for tenant_id in await connection.scalars(copies):
            over.pop(tenant_id, None)


async def _keep_for_environments(
    databases: Databases, known: Iterable[Environment], over: Versions, sealed: Mapping[str, tuple[str, ...]]
) -> None:
    """Take out what an environment's secrets are sealed with, and tenants of which one can not be looked at."""
    by_cell = defaultdict[str, list[Environment]](list)
    for environment in known:
        if environment.is_moving:
            over.pop(environment.tenant.id, None)
        elif environment.tenant.id in over and environment.state is not State.PENDING:
            by_cell[environment.cell].append(environment)
    for cell, environments in by_cell.items():
        owner, connector = f"{databases.database_name(cell)}_owner", databases.owner_connector(cell)
        needed = await asyncio.to_thread(_needed, connector, owner, environments, sealed)
        for environment, versions in zip(environments, needed, strict=True):
            if versions is None:
                over.pop(environment.tenant.id, None)
            elif environment.tenant.id in over:
                over[environment.tenant.id].difference_update(versions)


def _needed(
    connector: Connector, owner: str, environments: Sequence[Environment], sealed: Mapping[str, tuple[str, ...]]
) -> list[Collection[int] | None]:
    """What each environment of a cell is sealed with; None where that can not be told. Blocks."""
    found: list[Collection[int] | None] = []
    try:
        with connector.connect() as connection:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(owner)))
            for environment in environments:
                try:
                    found.append(sealed_with(connection, environment.schema, sealed))
                except psycopg.ProgrammingError as error:  # it was switched, or has not all columns yet
                    log.warning("data_keys_kept", schema=environment.schema, error=str(error))
                    found.append(None)
    except psycopg.OperationalError as error:
        log.warning("data_keys_kept", cell=environments[0].cell, error=str(error))
        found += [None] * (len(environments) - len(found))
    return found
