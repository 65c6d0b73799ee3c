"""Rotation: every tenant's keys wrapped anew under the first key of the ring, and a new data key for each.

Each is one transaction, so a killed one is simply repeated. A key may leave the ring when nothing is wrapped by it any more
(``key_use``). Secrets follow in ``resealing.py``; when an old data key goes is said in ``retirement.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, literal, select, text

from tenants.keys.ciphertext import SecretUnreadable, new_data_key
from tenants.keys.resealing import enqueue_resealing
from tenants.registry.actions import note
from tenants.registry.models import DataKeyRow, TenantRow
from tenants.registry.records import BackupKeyRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row, Select, TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.keys.ring import KeyRing


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many keys were wrapped anew, how many were right already, and whose can not be opened with this ring."""

    changed: int
    unchanged: int
    unreadable: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many keys of tenants are wrapped by each key of a ring, and whose can not be opened with it."""

    by_name: Mapping[str, int]
    unreadable: tuple[UUID, ...]


async def rewrap(databases: Databases, *, actor: str) -> Rewrapped:
    """Wrap every data key and backup key under the first key of the ring; repeatable. What does not open stays."""
    ring = databases.key_ring
    async with databases.control().begin() as connection:
        keys = await _wrapped_again(connection, ring, _DATA_KEYS, _WRITE_DATA_KEYS)
        identities = await _wrapped_again(connection, ring, _IDENTITIES, _WRITE_IDENTITIES)
        changed = keys.changed + identities.changed
        await note(connection, actor, "keys_rewrapped", key=ring.primary, changed=str(changed))
    return Rewrapped(changed, keys.unchanged + identities.unchanged, keys.unreadable + identities.unreadable)


async def key_use(databases: Databases) -> KeyUse:
    """By which keys of the ring everything is wrapped, each one tried."""
    async with databases.control().connect() as connection:
        rows = [*await connection.execute(_DATA_KEYS), *await connection.execute(_IDENTITIES)]
    return await asyncio.to_thread(_used, databases.key_ring, rows)


async def new_data_keys(databases: Databases, *, actor: str) -> int:
    """Give every tenant another data key, which seals from now on; the older ones go on opening. Returns how many.

    A worker seals with it what is stored.
    """
    d, t, ring = DataKeyRow, TenantRow, databases.key_ring
    newest = select(d.tenant_id, func.max(d.version).label("version")).group_by(d.tenant_id)
    async with databases.control().begin() as connection:
        # Until we are done nobody else adds keys, and the keys of no tenant are destroyed: one of ours would stay.
        await connection.execute(select(t.id).order_by(t.id).with_for_update(key_share=True))
        rows = (await connection.execute(newest)).all()
        await connection.execute(_ADD, await asyncio.to_thread(_next, ring, rows))
        await enqueue_resealing(connection, databases)
        await note(connection, actor, "data_keys_added", number=str(len(rows)))
    return len(rows)


async def _wrapped_again(
    connection: AsyncConnection, ring: KeyRing, held: Select[UUID, int, str], write: TextClause
) -> Rewrapped:
    rows = (await connection.execute(held.with_for_update())).all()
    old = [row for row in rows if not ring.is_current(row.wrapped)]
    written, unreadable = await asyncio.to_thread(_again, ring, old)
    await connection.execute(write, written)
    return Rewrapped(len(old) - len(unreadable), len(rows) - len(old), tuple(unreadable))


def _next(ring: KeyRing, newest: Sequence[Row[UUID, int]]) -> dict[str, list[Any]]:
    """The columns to write: a key for each tenant, of the version after its newest."""
    return {
        "tenant_ids": [row.tenant_id for row in newest],
        "versions": [row.version + 1 for row in newest],
        "wrapped": [ring.wrap(new_data_key(), row.tenant_id) for row in newest],
    }


def _again(ring: KeyRing, old: Sequence[Row[UUID, int, str]]) -> tuple[dict[str, list[Any]], list[UUID]]:
    """The columns to write, and whose keys do not open. A second of work for all tenants that there may be."""
    written: dict[str, list[Any]] = {"tenant_ids": [], "versions": [], "wrapped": []}
    unreadable: list[UUID] = []
    for tenant_id, version, wrapped in old:
        try:
            anew = ring.wrap(ring.unwrap(wrapped, tenant_id), tenant_id)
        except SecretUnreadable:
            unreadable.append(tenant_id)
            continue
        for column, value in zip(written.values(), (tenant_id, version, anew), strict=True):
            column.append(value)
    return written, unreadable


def _used(ring: KeyRing, rows: Iterable[Row[UUID, int, str]]) -> KeyUse:
    by_name, unreadable = Counter[str](), list[UUID]()
    for tenant_id, _, wrapped in rows:
        try:
            ring.unwrap(wrapped, tenant_id)
        except SecretUnreadable:
            unreadable.append(tenant_id)
        else:
            by_name[wrapped.partition(":")[0]] += 1
    return KeyUse(by_name, tuple(unreadable))


_DATA_KEYS = select(DataKeyRow.tenant_id, DataKeyRow.version, DataKeyRow.wrapped)
_IDENTITIES = select(
    BackupKeyRow.tenant_id, literal(0).label("version"), BackupKeyRow.wrapped_identity.label("wrapped")
)

# One statement for all tenants, since the registry's version rises with each statement.
_ADD = text("""
    insert into registry.data_key (tenant_id, version, wrapped)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:versions as integer[]), cast(:wrapped as text[]))
""")
_WRITE_DATA_KEYS = text("""
    update registry.data_key k set wrapped = n.wrapped
    from unnest(cast(:tenant_ids as uuid[]), cast(:versions as integer[]), cast(:wrapped as text[]))
        as n (tenant_id, version, wrapped)
    where k.tenant_id = n.tenant_id and k.version = n.version
""")
_WRITE_IDENTITIES = text("""
    update registry.backup_key k set wrapped_identity = n.wrapped
    from unnest(cast(:tenant_ids as uuid[]), cast(:wrapped as text[])) as n (tenant_id, wrapped)
    where k.tenant_id = n.tenant_id
""")
