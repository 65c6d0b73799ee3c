"""Rotating keys: every tenant's keys wrapped anew under the first key of the ring; new data keys; secrets sealed anew.

Each of them is one transaction (sealing anew: one for each environment), so a killed one is simply repeated. A key may leave
the ring when nothing is wrapped by it any more (``key_use``); when an old data key goes is said in ``old_keys.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, literal, or_, select, text

from tenants.registry.actions import note
from tenants.registry.models import DataKeyRow, TenantRow
from tenants.registry.records import BackupKeyRow
from tenants.secrets import SecretUnreadable, new_data_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Select, TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from domain.kernel.model import Model
    from domain.kernel.work import Work
    from tenants.databases import Databases
    from tenants.secrets import KeyRing


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
    """Wrap every data key and backup identity under the first key of the ring; repeatable. What does not open stays."""
    ring = databases.key_ring
    async with databases.control().begin() as connection:
        keys = await _wrapped_again(connection, ring, _DATA_KEYS, _WRITE_DATA_KEYS)
        identities = await _wrapped_again(connection, ring, _IDENTITIES, _WRITE_IDENTITIES)
        changed = keys.changed + identities.changed
        await note(connection, actor, "keys_rewrapped", key=ring.primary, changed=str(changed))
    return Rewrapped(changed, keys.unchanged + identities.unchanged, keys.unreadable + identities.unreadable)


async def key_use(databases: Databases) -> KeyUse:
    """By which keys of the ring everything is wrapped, each one tried."""
    ring, by_name, unreadable = databases.key_ring, Counter[str](), list[UUID]()
    async with databases.control().connect() as connection:
        for held in (_DATA_KEYS, _IDENTITIES):
            for row in await connection.execute(held):
                try:
                    ring.unwrap(row.wrapped, row.tenant_id)
                except SecretUnreadable:
                    unreadable.append(row.tenant_id)
                else:
                    by_name[row.wrapped.partition(":")[0]] += 1
    return KeyUse(by_name, tuple(unreadable))


async def new_data_keys(databases: Databases, *, actor: str) -> int:
    """Give every tenant another data key, which seals from now on; the older ones go on opening. Returns how many."""
    d, t, ring = DataKeyRow, TenantRow, databases.key_ring
    newest = select(d.tenant_id, func.max(d.version).label("version")).group_by(d.tenant_id)
    async with databases.control().begin() as connection:
        # Until we are done nobody else adds keys, and the keys of no tenant are destroyed: one of ours would stay.
        await connection.execute(select(t.id).order_by(t.id).with_for_update(key_share=True))
        rows = (await connection.execute(newest)).all()
        added = {
            "tenant_ids": [row.tenant_id for row in rows],
            "versions": [row.version + 1 for row in rows],
            "wrapped": [ring.wrap(new_data_key(), row.tenant_id) for row in rows],
        }
        await connection.execute(_ADD, added)
        await note(connection, actor, "data_keys_added", number=str(len(rows)))
    return len(rows)


def sealed_columns(models: Iterable[type[Model]]) -> Mapping[type[Model], tuple[str, ...]]:
    """The columns that hold secrets sealed by the tenant's vault, as their models declare them."""
    found = {
        model: tuple(column.name for column in model.__table__.columns if column.info.get("sealed")) for model in models
    }
    return {model: columns for model, columns in found.items() if columns}


async def reseal(work: Work, sealed: Mapping[type[Model], tuple[str, ...]]) -> int:
    """Seal every secret of an environment with the newest data key; repeatable. Returns how many were changed.

    Raises SecretUnreadable, and changes nothing then.
    """
    changed = 0
    for model, names in sealed.items():
        holds_any = or_(*(model.__table__.columns[name].is_not(None) for name in names))
        for row in await work.scalars(select(model).where(holds_any).with_for_update()):
            for name in names:
                value = getattr(row, name)
                if value is not None and not work.vault.is_current(value):
                    setattr(row, name, work.vault.seal(work.vault.open(value)))
                    changed += 1
    return changed


async def _wrapped_again(
    connection: AsyncConnection, ring: KeyRing, held: Select[UUID, int, str], write: TextClause
) -> Rewrapped:
    rows = (await connection.execute(held.with_for_update())).all()
    old = [row for row in rows if not ring.is_current(row.wrapped)]
    written: dict[str, list[Any]] = {"tenant_ids": [], "versions": [], "wrapped": []}
    unreadable: list[UUID] = []
    for row in old:
        try:
            wrapped = ring.wrap(ring.unwrap(row.wrapped, row.tenant_id), row.tenant_id)
        except SecretUnreadable:
            unreadable.append(row.tenant_id)
            continue
        written["tenant_ids"].append(row.tenant_id)
        written["versions"].append(row.version)
        written["wrapped"].append(wrapped)
    await connection.execute(write, written)
    return Rewrapped(len(written["wrapped"]), len(rows) - len(old), tuple(unreadable))


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
