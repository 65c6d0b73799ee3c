"""The platform's task that deletes a tenant for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tenants.lifecycle.deleting import delete_tenant
from tenants.registry.records import ErasureRow

if TYPE_CHECKING:
    from jobs.context import PlatformContext

ACTOR = "deletion"


async def delete(context: PlatformContext) -> None:
    """Delete the tenant that the payload names: keys, backups, rows, roles. Repeated, it goes on where it stopped."""
    copier, tenant_id = context.platform.copier, context.row_id
    await delete_tenant(copier, tenant_id, actor=ACTOR, reason="asked for by the platform's staff")
    async with copier.databases.control().connect() as connection:
        wanted = select(ErasureRow.schemas, ErasureRow.backups).where(ErasureRow.tenant_id == tenant_id)
        row = (await connection.execute(wanted)).one()
    context.counters.updated = len(row.schemas)
    context.runlog.info("deleted", "The tenant is deleted; the proof is in the registry.", removed=row.backups)
