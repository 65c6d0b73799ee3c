"""The platform's tasks that delete a tenant, or one environment of it, for ever."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import select

from domain.kernel.errors import NotFound
from tenants.lifecycle.deleting import delete_environment, delete_tenant
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


async def delete_one(context: PlatformContext) -> None:
    """Delete the environment that the payload names; one that is gone already is no fault."""
    copier = context.platform.copier
    with suppress(NotFound):
        await delete_environment(copier, context.row_id, actor=ACTOR, reason="asked for by the platform's staff")
        context.counters.updated = 1
    context.runlog.info("environment_deleted", "The environment is deleted; its backups stay until their time is over.")
