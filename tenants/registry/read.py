"""Reading the registry: everything at first, in a few statements; then the tenants that changed since.

Rows come and are made into values a few hundred at a time, so that the process serves meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import InstrumentedAttribute

from tenants.embedding import Embedding
from tenants.environments import Cell, Environment, EnvironmentKind, RegistryMap, State, Tenant
from tenants.plans.entitlements import entitlements, known_features
from tenants.registry.cells import cell_of
from tenants.registry.models import (
    CellRow,
    DataKeyRow,
    EnvironmentRow,
    HostnameRow,
    TenantChangeRow,
    TenantRow,
    VersionRow,
)
from tenants.registry.records import VanityDomainRow

AT_ONCE = 500
"""Rows, or changed tenants, between two turns of the event loop: some milliseconds of work."""


async def read_map(engine: AsyncEngine, known: RegistryMap) -> RegistryMap:
    """Everything about who the tenants are, as of one version; ``known`` itself if nothing changed since.

    The row of the version is locked until the end of whoever changes something, so versions are committed in their order:
    whoever holds one has seen all changes up to it.
    """
    async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        version, whole = (await connection.execute(select(VersionRow.number, VersionRow.whole))).one()
        if version == known.version:
            return known
        changed = await _changed(connection, known.version) if whole <= known.version < version else None
        if changed is None or len(changed) > AT_ONCE:
            hosts, keys = await _hosts(connection, None), await _data_keys(connection, None)
            return RegistryMap.of(
                version, await _environments(connection, hosts, None), keys, await read_cells(connection)
            )
        hosts, keys = await _hosts(connection, changed), await _data_keys(connection, changed)
        return known.replaced(version, changed, await _environments(connection, hosts, changed), keys)


async def read_cells(connection: AsyncConnection) -> list[Cell]:
    """All cells, by name."""
    c = CellRow
    wanted = select(c.__table__).where(c.removed_at.is_(None)).order_by(c.name)
    return [cell_of(row) for row in await connection.execute(wanted)]


async def _changed(connection: AsyncConnection, since: int) -> frozenset[UUID]:
    c = TenantChangeRow
    return frozenset((await connection.scalars(select(c.tenant_id).where(c.version > since))).all())


@dataclass(frozen=True, slots=True)
class _Host:
    """A host name as the registry has it. ``is_shaky``: its DNS is wrong, so that nothing may lead there."""

    name: str
    is_vanity: bool
    is_primary: bool
    is_redirect: bool
    is_old: bool
    is_shaky: bool


def _primary(hosts: Sequence[_Host]) -> str:
    """The host for links: the chosen one, but while its DNS is wrong the platform's own."""
    chosen = next((host for host in hosts if host.is_primary), None)
    if chosen is not None and not chosen.is_shaky:
        return chosen.name
    return next((host.name for host in hosts if not host.is_vanity and not host.is_old), "")


async def _hosts(connection: AsyncConnection, tenants: frozenset[UUID] | None) -> dict[UUID, list[_Host]]:
    hosts: dict[UUID, list[_Host]] = defaultdict(list)
    e, h, v = EnvironmentRow, HostnameRow, VanityDomainRow
    failing = (v.name == h.name) & (v.environment_id == h.environment_id) & (v.state == "failing")
    wanted = (
        select(h.name, h.environment_id, h.kind == "vanity", h.is_primary, h.is_redirect)
        .add_columns(h.until.is_not(None), v.id.is_not(None))
        .join_from(h, v, failing, isouter=True)
    )
    if tenants is not None:
        wanted = wanted.join(e, h.environment_id == e.id).where(_of(tenants, e.tenant_id))
    async for name, environment_id, *facts in _rows(connection, wanted, tenants, h.name):
        hosts[environment_id].append(_Host(name, *facts))
    return hosts


def _of(tenants: frozenset[UUID] | None, column: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """The rows of these tenants; of all, if there are none given."""
    return true() if tenants is None else column == any_(literal(list(tenants), ARRAY(Uuid())))


async def _rows(
    connection: AsyncConnection,
    wanted: Select[*tuple[Any, ...]],
    tenants: frozenset[UUID] | None,
    *key: InstrumentedAttribute[Any],
) -> AsyncIterator[Any]:
    """The rows of a statement, whose first columns are its key, page by page; those of some tenants all at once.

    Not from a cursor of the server: it would stay open where whoever waits for the registry goes away. Nor are the rows of
    a few tenants asked for by their key: PostgreSQL would walk along all keys for them.
    """
    if tenants is not None:
        for row in await connection.execute(wanted):
            yield row
        return
    wanted = wanted.order_by(*key).limit(AT_ONCE)
    page = wanted
    while rows := (await connection.execute(page)).all():
        for row in rows:
            yield row
        if len(rows) < AT_ONCE:
            return
        page = wanted.where(tuple_(*key) > tuple_(*rows[-1][: len(key)]))


async def _environments(
    connection: AsyncConnection, hosts: dict[UUID, list[_Host]], tenants: frozenset[UUID] | None
) -> list[Environment]:
    e, t = EnvironmentRow, TenantRow
    statement = (
        select(e.id, e.kind, e.state, e.cell, e.schema_name, e.role_name, e.head)
        .add_columns(t.id.label("tenant_id"), t.number, t.slug, t.name, t.state.label("tenant_state"), t.time_zone)
        .add_columns(e.embedding_sites, e.exempt_networks)
        .add_columns(t.plan, t.extra_features, t.limits, e.trial_features)
        .add_columns(t.mail_domain, t.mail_domain_verified_at, e.is_moving)
        .join_from(e, t, e.tenant_id == t.id)
        .where(e.state != State.DELETED, _of(tenants, e.tenant_id))
        .order_by(e.id)
    )
    return [_environment(row, hosts.get(row.id, [])) async for row in _rows(connection, statement, tenants, e.id)]


def _environment(row: Any, names: Sequence[_Host]) -> Environment:  # noqa: ANN401 - a row
    primary = _primary(names)
    # A suspended tenant suspends all its environments; otherwise each has a state of its own.
    state = State(row.state) if row.tenant_state == State.ACTIVE else State(row.tenant_state)
    entitled = entitlements(row.plan, row.extra_features, row.limits)
    trials = known_features(row.trial_features) - entitled.features
    mail_domain = row.mail_domain if row.mail_domain_verified_at is not None else None
    return Environment(
        id=row.id,
        tenant=Tenant(row.tenant_id, row.number, row.slug, row.name, entitled, mail_domain),
        kind=EnvironmentKind(row.kind),
        state=state,
        cell=row.cell,
        schema=row.schema_name,
        role=row.role_name,
        head=row.head,
        time_zone=row.time_zone,
        primary_host=primary,
        hosts=frozenset(host.name for host in names),
        redirects=frozenset(host.name for host in names if host.is_redirect and host.name != primary),
        own_domains=frozenset(host.name for host in names if host.is_vanity),
        embedding=Embedding(frozenset(row.embedding_sites), tuple(row.exempt_networks)),
        features=entitled.features | trials,
        trials=trials,
        is_moving=row.is_moving,
    )


async def _data_keys(connection: AsyncConnection, tenants: frozenset[UUID] | None) -> dict[UUID, dict[int, str]]:
    keys: dict[UUID, dict[int, str]] = defaultdict(dict)
    d = DataKeyRow
    wanted = select(d.tenant_id, d.version, d.wrapped).where(_of(tenants, d.tenant_id))
    async for row in _rows(connection, wanted, tenants, d.tenant_id, d.version):
        keys[row.tenant_id][row.version] = row.wrapped
    return dict(keys)
