"""Preview, test and development spaces of any tenant on the control plane: refreshed, locked, ended on a date."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from schema.arguments import Info
from schema.context import Context
from schema.ids import PLATFORM, row_id
from schema.ops.copies import MANAGE, CopyStatePayload, answered
from schema.ops.known import EnvironmentId, TenantId
from schema.ops.lifecycle import Reason
from schema.payloads import INPUT
from tenants.copies.telling import tell_tenant
from tenants.environments import EnvironmentKind
from tenants.previews.actions import Who, refresh, set_expiry, set_lock


@strawberry.input(description="How a preview is refreshed.")
class RefreshTenantPreviewInput:
    """What staff of the platform may say of a refresh."""

    backup_id: strawberry.ID = strawberry.field(description="The id of a complete backup of the same tenant.")
    kind: EnvironmentKind = strawberry.field(
        default=EnvironmentKind.PREVIEW, description="Preview, test or development; made if there is none."
    )
    anonymise: bool = strawberry.field(default=False, description="Whether persons and plates are taken out.")
    override_lock: bool = strawberry.field(default=False, description="Whether a lock does not matter; it is noted.")


RefreshInput = Annotated[
    RefreshTenantPreviewInput, strawberry.argument(name="input", description="From what, and how.")
]


async def refresh_preview(info: Info, tenant_id: TenantId, typed: RefreshInput) -> CopyStatePayload:
    """Refresh a preview."""
    context, tenant = info.context, row_id(tenant_id, "Tenant", PLATFORM)
    done = refresh(
        context.services.databases,
        tenant,
        row_id(typed.backup_id, "Backup", PLATFORM),
        _who(context),
        kind=typed.kind,
        is_anonymised=typed.anonymise,
        over_lock=typed.override_lock,
    )
    payload = await answered(context, None, done, INPUT)
    if payload.is_accepted:
        known = context.services.registry.of_tenant(tenant)
        payload.row = next((one.id for one in known if one.kind is typed.kind), None)
    return payload


async def lock_preview(
    info: Info,
    environment_id: EnvironmentId,
    locked: Annotated[bool, strawberry.argument(description="True locks, false unlocks.")],
    reason: Reason,
) -> CopyStatePayload:
    """Lock or unlock a preview."""
    row, databases = row_id(environment_id, "Environment", PLATFORM), info.context.services.databases
    done = set_lock(databases, row, is_locked=locked, reason=reason, who=_who(info.context))
    return await _told(info.context, row, done)


async def set_preview_expiry(
    info: Info,
    environment_id: EnvironmentId,
    expires_at: Annotated[
        datetime | None, strawberry.argument(description="When it is deleted; null: after 7 days without a login.")
    ] = None,
) -> CopyStatePayload:
    """Set when a preview is deleted."""
    row, databases = row_id(environment_id, "Environment", PLATFORM), info.context.services.databases
    return await _told(info.context, row, set_expiry(databases, row, expires_at, _who(info.context)))


async def _told(context: Context, row: UUID, done: Awaitable[object]) -> CopyStatePayload:
    """Do what whoever watches the preview spaces in the admin API is to see."""
    payload = await answered(context, row, done)
    if payload.is_accepted:
        await tell_tenant(context.services.registry, context.services.bus, row)
    return payload


def _who(context: Context) -> Who:
    return Who(context.who, context.actor.user_id, is_platform=True)


@strawberry.type
class PreviewMutations:
    """What staff of the platform do with spaces."""

    refresh_preview: CopyStatePayload | None = strawberry.field(
        resolver=refresh_preview,
        description="Replace a tenant's preview by a backup. A locked one only with `overrideLock`.",
        metadata=MANAGE,
    )
    lock_preview: CopyStatePayload | None = strawberry.field(
        resolver=lock_preview,
        description="Lock a preview against refreshes and deletion, or unlock it.",
        metadata=MANAGE,
    )
    set_preview_expiry: CopyStatePayload | None = strawberry.field(
        resolver=set_preview_expiry,
        description="Set when a preview, test or development space is deleted.",
        metadata=MANAGE,
    )
