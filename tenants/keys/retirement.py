"""Retirement: old data keys go when nothing needs them: no environment has a secret of theirs, and no backup that can be restored.

What needs a key is looked at, never concluded from times: a restore brings secrets back that were sealed long ago.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import func, select, text

from tenants.environments import Environment, State
from tenants.keys.in_use import sealed_with
from tenants.lifecycle.deleting import BASE_BACKUPS_KEPT
from tenants.registry.actions import note
from tenants.registry.models import DataKeyRow, EnvironmentRow
from tenants.registry.records import BackupRow, CopyRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tenants.connecting import Connector
    from tenants.copies.copier import Copier
    from tenants.databases import Databases

log = structlog.get_logger(__name__)

Versions = dict[UUID, set[int]]


async def remove_old_data_keys(copier: Copier) -> int:
    """Remove the data keys that nothing has needed for as long as base backups are kept, which have old secrets too.

    Returns how many. Nothing is concluded for a tenant of which not all can be seen.
    """
    databases = copier.databases
    over = await _superseded(databases)
    if not over:
        return 0
    old = {tenant_id: frozenset(versions) for tenant_id, versions in over.items()}
    await _keep_for_backups(databases, over)
    await copier.registry.load()
    await _keep_for_environments(databases, copier.registry.current.by_id.values(), over, copier.sanitiser.sealed)
    await _keep_for_backups(databases, over)  # one that began before its environment was sealed anew
    needed = {tenant_id: old[tenant_id] - versions for tenant_id, versions in over.items()}
    async with databases.control().begin() as connection:
        await connection.execute(_NEEDED, _columns(needed))
        unneeded = _columns(over) | {"now": copier.clock()}
        await connection.execute(_UNNEEDED, unneeded)
        removed = len((await connection.execute(_REMOVE, unneeded | {"kept": BASE_BACKUPS_KEPT})).all())
        if removed:
            await note(connection, "sweep", "data_keys_removed", number=str(removed))
    return removed


async def _superseded(databases: Databases) -> Versions:
    """The versions below the newest, of each tenant that has any."""
    d, over = DataKeyRow, defaultdict[UUID, set[int]](set)
    newest = select(d.tenant_id, func.max(d.version).label("version")).group_by(d.tenant_id).subquery()
    wanted = select(d.tenant_id, d.version).join_from(d, newest, d.tenant_id == newest.c.tenant_id)
    async with databases.control().connect() as connection:
        for tenant_id, version in await connection.execute(wanted.where(d.version < newest.c.version)):
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
        elif over.get(environment.tenant.id) and environment.state is not State.PENDING:
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


def _columns(versions: Mapping[UUID, Collection[int]]) -> dict[str, object]:
    pairs = [(tenant_id, version) for tenant_id, some in versions.items() for version in some]
    return {"tenant_ids": [tenant_id for tenant_id, _ in pairs], "versions": [version for _, version in pairs]}


_NEEDED = text("""
    update registry.data_key k set unneeded_since = null
    from unnest(cast(:tenant_ids as uuid[]), cast(:versions as integer[])) as n (tenant_id, version)
    where k.tenant_id = n.tenant_id and k.version = n.version and k.unneeded_since is not null
""")
_UNNEEDED = text("""
    update registry.data_key k set unneeded_since = :now
    from unnest(cast(:tenant_ids as uuid[]), cast(:versions as integer[])) as n (tenant_id, version)
    where k.tenant_id = n.tenant_id and k.version = n.version and k.unneeded_since is null
""")
_REMOVE = text("""
    delete from registry.data_key k
    using unnest(cast(:tenant_ids as uuid[]), cast(:versions as integer[])) as n (tenant_id, version)
    where k.tenant_id = n.tenant_id and k.version = n.version and k.unneeded_since <= :now - cast(:kept as interval)
    returning k.version
""")
