"""Exports of tenants for their clients on the control plane. Fetching one needs keys and a file: `opscom tenant fetch-export`."""

from __future__ import annotations

from datetime import datetime

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import needs, requires, sized
from schema.ids import PLATFORM, row_id
from schema.ops.known import TenantId
from schema.ops.lifecycle import TenantChangePayload, answered
from tenants.lifecycle.exports import StoredExport, ask_for_export, exports_of


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="An export of a tenant's production that lies sealed beside the backups, for seven days.")
class Export:
    """A stored export."""

    id: strawberry.ID = strawberry.field(description="Its id, as `opscom tenant fetch-export` takes it.")
    made_at: datetime = strawberry.field(description="When it was made.")
    until: datetime = strawberry.field(description="Until when it may be fetched.")
    rows: int = strawberry.field(description="How many rows it has.")
    kilobytes: int = strawberry.field(description="The size of the sealed file, in units of 1,000 bytes.")
    sha256: str = strawberry.field(description="The SHA-256 of the sealed file.")


async def read_exports(info: Info, tenant_id: TenantId) -> list[Export]:
    """The exports of a tenant."""
    row = row_id(tenant_id, "Tenant", PLATFORM)
    return [_shown(one) for one in await exports_of(info.context.services.databases, row)]


async def export_tenant(info: Info, tenant_id: TenantId) -> TenantChangePayload:
    """Have a tenant exported."""
    row, databases = row_id(tenant_id, "Tenant", PLATFORM), info.context.services.databases
    return await answered(info.context, row, ask_for_export(databases, row, actor=info.context.who))


def _shown(one: StoredExport) -> Export:
    return Export(
        id=strawberry.ID(str(one.id)),
        made_at=one.made_at,
        until=one.until,
        rows=one.rows,
        kilobytes=-(-one.size // 1000),
        sha256=one.sha256,
    )


@strawberry.type
class ExportQueries:
    """Exports."""

    exports: list[Export] | None = strawberry.field(
        resolver=read_exports,
        description="The exports of a tenant that may be fetched, the newest first.",
        metadata=requires(Permission.VIEW_TENANTS) | sized(10),
    )


@strawberry.type
class ExportMutations:
    """Asking for one."""

    export_tenant: TenantChangePayload | None = strawberry.field(
        resolver=export_tenant,
        description="Have a tenant's production exported for its client by a worker; it appears in `exports` when it is done, and a "
        "failure as `export_failed` in `audit`.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
