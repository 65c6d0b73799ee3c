"""Rotating keys: every tenant's keys wrapped anew under the first key of the ring; new data keys; secrets sealed anew.

A key may leave the ring when no row names it any more. An old version of a data key is kept: backups hold secrets that are
sealed with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, insert, select, update

from tenants.registry.actions import note
from tenants.registry.models import DataKeyRow
from tenants.registry.records import BackupKeyRow
from tenants.secrets import new_data_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from domain.kernel.model import Model
    from domain.kernel.work import Work
    from tenants.databases import Databases
    from tenants.secrets import KeyRing


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many keys were wrapped anew, and how many were right already."""

    changed: int
    unchanged: int


async def rewrap(databases: Databases, *, actor: str) -> Rewrapped:
    """Wrap every data key and backup identity under the first key of the ring; repeatable. Raises SecretUnreadable."""
    async with databases.control().begin() as connection:
        data_keys = await _data_keys_again(connection, databases.key_ring)
        identities = await _identities_again(connection, databases.key_ring)
        done = Rewrapped(data_keys.changed + identities.changed, data_keys.unchanged + identities.unchanged)
        await note(connection, actor, "keys_rewrapped", key=databases.key_ring.primary, changed=str(done.changed))
    return done


async def new_data_keys(databases: Databases, *, actor: str) -> int:
    """Give every tenant another data key, which seals from now on; the older ones go on opening. Returns how many."""
    d, ring = DataKeyRow, databases.key_ring
    newest = select(d.tenant_id, func.max(d.version).label("version")).group_by(d.tenant_id)
    async with databases.control().begin() as connection:
        rows = (await connection.execute(newest)).all()
        for row in rows:
            await _add(connection, ring, row.tenant_id, row.version + 1)
        await note(connection, actor, "data_keys_added", number=str(len(rows)))
    return len(rows)


def sealed_columns(models: Iterable[type[Model]]) -> Mapping[type[Model], tuple[str, ...]]:
    """The columns that hold secrets sealed by the tenant's vault, as their models declare them."""
    found = {
        model: tuple(column.name for column in model.__table__.columns if column.info.get("sealed")) for model in models
    }
    return {model: columns for model, columns in found.items() if columns}


async def reseal(work: Work, sealed: Mapping[type[Model], tuple[str, ...]]) -> int:
    """Seal every secret of an environment with the newest data key; repeatable. Returns how many were changed."""
    newest, changed = work.vault.seal("").partition(":")[0], 0
    for model, columns in sealed.items():
        for row in await work.scalars(select(model).with_for_update()):
            for name in columns:
                value = getattr(row, name)
                if value is not None and value.partition(":")[0] != newest:
                    setattr(row, name, work.vault.seal(work.vault.open(value)))
                    changed += 1
    return changed


async def _add(connection: AsyncConnection, ring: KeyRing, tenant_id: UUID, version: int) -> None:
    wrapped = ring.wrap(new_data_key(), tenant_id)
    await connection.execute(insert(DataKeyRow).values(tenant_id=tenant_id, version=version, wrapped=wrapped))


async def _data_keys_again(connection: AsyncConnection, ring: KeyRing) -> Rewrapped:
    d = DataKeyRow
    rows = (await connection.execute(select(d.tenant_id, d.version, d.wrapped).with_for_update())).all()
    old = [row for row in rows if not ring.is_current(row.wrapped)]
    for row in old:
        changed = update(d).where(d.tenant_id == row.tenant_id, d.version == row.version)
        await connection.execute(changed.values(wrapped=_again(ring, row.wrapped, row.tenant_id)))
    return Rewrapped(len(old), len(rows) - len(old))


async def _identities_again(connection: AsyncConnection, ring: KeyRing) -> Rewrapped:
    b = BackupKeyRow
    rows = (await connection.execute(select(b.tenant_id, b.wrapped_identity).with_for_update())).all()
    old = [row for row in rows if not ring.is_current(row.wrapped_identity)]
    for row in old:
        changed = update(b).where(b.tenant_id == row.tenant_id)
        await connection.execute(changed.values(wrapped_identity=_again(ring, row.wrapped_identity, row.tenant_id)))
    return Rewrapped(len(old), len(rows) - len(old))


def _again(ring: KeyRing, wrapped: str, tenant_id: UUID) -> str:
    return ring.wrap(ring.unwrap(wrapped, tenant_id), tenant_id)
