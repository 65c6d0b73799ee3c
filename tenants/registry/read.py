"""Reading the registry: the version, and the whole map in a few statements."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenants.embedding import Embedding
from tenants.environments import Cell, Environment, EnvironmentGroup, EnvironmentKind, RegistryMap, State, Tenant
from tenants.plans.entitlements import entitlements, known_features
from tenants.registry.models import CellRow, DataKeyRow, EnvironmentRow, HostnameRow, TenantRow, VersionRow


async def read_version(engine: AsyncEngine) -> int:
    """The registry's version number."""
    async with engine.connect() as connection:
        return await _version(connection)


async def read_map(engine: AsyncEngine) -> RegistryMap:
    """Everything about who the tenants are, as of one version."""
    async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        version = await _version(connection)
        hosts = await _hosts(connection)
        environments = await _environments(connection, hosts)
        return RegistryMap.of(version, environments, await _data_keys(connection), await read_cells(connection))


async def read_cells(connection: AsyncConnection) -> list[Cell]:
    """All cells, by name."""
    c = CellRow
    wanted = select(c.name, c.address, c.environment_group, c.is_open).order_by(c.name)
    return [
        Cell(
            row.name,
            row.address,
            EnvironmentGroup(row.environment_group) if row.environment_group else None,
            row.is_open,
        )
        for row in await connection.execute(wanted)
    ]


async def _version(connection: AsyncConnection) -> int:
    return (await connection.execute(select(VersionRow.number))).scalar_one()


async def _hosts(connection: AsyncConnection) -> dict[UUID, list[HostnameRow]]:
    hosts: dict[UUID, list[HostnameRow]] = defaultdict(list)
    h = HostnameRow
    for row in await connection.execute(select(h.environment_id, h.name, h.is_primary, h.is_redirect)):
        hosts[row.environment_id].append(row)  # type: ignore[arg-type]  # a row of four of its columns
    return hosts


async def _environments(connection: AsyncConnection, hosts: dict[UUID, list[HostnameRow]]) -> list[Environment]:
    e, t = EnvironmentRow, TenantRow
    statement = (
        select(e.id, e.kind, e.state, e.cell, e.schema_name, e.role_name, e.head)
        .add_columns(t.id.label("tenant_id"), t.number, t.slug, t.name, t.state.label("tenant_state"), t.time_zone)
        .add_columns(e.embedding_sites, e.exempt_networks)
        .add_columns(t.plan, t.extra_features, t.limits, e.trial_features)
        .join_from(e, t, e.tenant_id == t.id)
        .where(e.state != State.DELETED)
    )
    found = []
    for row in await connection.execute(statement):
        names = hosts.get(row.id, [])
        # A suspended tenant suspends all its environments; otherwise each has a state of its own.
        state = State(row.state) if row.tenant_state == State.ACTIVE else State(row.tenant_state)
        entitled = entitlements(row.plan, row.extra_features, row.limits)
        trials = known_features(row.trial_features) - entitled.features
        found.append(
            Environment(
                id=row.id,
                tenant=Tenant(row.tenant_id, row.number, row.slug, row.name, entitled),
                kind=EnvironmentKind(row.kind),
                state=state,
                cell=row.cell,
                schema=row.schema_name,
                role=row.role_name,
                head=row.head,
                time_zone=row.time_zone,
                primary_host=next((host.name for host in names if host.is_primary), ""),
                hosts=frozenset(host.name for host in names),
                redirects=frozenset(host.name for host in names if host.is_redirect),
                embedding=Embedding(frozenset(row.embedding_sites), tuple(row.exempt_networks)),
                features=entitled.features | trials,
                trials=trials,
            )
        )
    return found


async def _data_keys(connection: AsyncConnection) -> dict[UUID, dict[int, str]]:
    keys: dict[UUID, dict[int, str]] = defaultdict(dict)
    for row in await connection.execute(select(DataKeyRow.tenant_id, DataKeyRow.version, DataKeyRow.wrapped)):
        keys[row.tenant_id][row.version] = row.wrapped
    return dict(keys)
