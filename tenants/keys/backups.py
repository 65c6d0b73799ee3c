"""What a tenant's backups are encrypted to: an age key of its own, made when first needed, wrapped by the key ring.

Erasing the row makes every backup of the tenant unreadable, wherever its files still lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pyrage
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from tenants.keys.ciphertext import SecretUnreadable
from tenants.registry.models import TenantRow
from tenants.registry.records import BackupKeyRow, ErasureRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.keys.ring import KeyRing


async def recipient_of(connection: AsyncConnection, key_ring: KeyRing, tenant_id: UUID) -> str:
    """The public half (``age1…``); the pair is made if the tenant has none. Raises SecretUnreadable once it was destroyed.

    ``forget`` waits for whoever is here, so that no pair is made for a tenant whose deletion has begun.
    """
    tenant = select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update(read=True)
    await connection.execute(tenant)
    destroyed = select(ErasureRow.tenant_id).where(
        ErasureRow.tenant_id == tenant_id, ErasureRow.keys_destroyed_at.is_not(None)
    )
    if await connection.scalar(destroyed) is not None:
        raise SecretUnreadable("The keys of this tenant were destroyed.")
    identity = pyrage.x25519.Identity.generate()
    row = {
        "tenant_id": tenant_id,
        "recipient": str(identity.to_public()),
        "wrapped_identity": key_ring.wrap(str(identity).encode(), tenant_id),
    }
    await connection.execute(insert(BackupKeyRow).values(row).on_conflict_do_nothing())
    found = await connection.scalar(select(BackupKeyRow.recipient).where(BackupKeyRow.tenant_id == tenant_id))
    return str(found)


async def identity_of(connection: AsyncConnection, key_ring: KeyRing, tenant_id: UUID) -> str:
    """The secret half (``AGE-SECRET-KEY-1…``). Raises SecretUnreadable when it was destroyed."""
    wanted = select(BackupKeyRow.wrapped_identity).where(BackupKeyRow.tenant_id == tenant_id)
    wrapped = await connection.scalar(wanted)
    if wrapped is None:
        raise SecretUnreadable("The key of this tenant's backups is gone.")
    return key_ring.unwrap(wrapped, tenant_id).decode()


async def forget(connection: AsyncConnection, tenant_id: UUID) -> None:
    """Destroy the pair: no backup of the tenant opens any more. The caller holds the tenant's row for update."""
    await connection.execute(delete(BackupKeyRow).where(BackupKeyRow.tenant_id == tenant_id))
