"""The life of tenants on the control plane: suspended, resumed, archived, renamed, deleted."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires
from schema.ids import PLATFORM, row_id
from schema.ops.known import TenantId
from schema.ops.tenants import Tenant, tenant_by_id
from schema.payloads import ARGUMENTS, UserError, attempt_outside
from tenants.environments import State
from tenants.lifecycle.actions import ask_for_deletion, rename, set_state

Reason = Annotated[str, strawberry.argument(description="Why; it is kept with who did it.")]
MANAGE = requires(Permission.MANAGE_TENANTS)


def _tenant_of_payload(payload: strawberry.Parent[TenantChangePayload], info: Info) -> Tenant | None:
    return None if payload.user_errors else tenant_by_id(info.context, payload.row)


@needs(PUBLIC)
@strawberry.type(description="The answer to a step in the life of a tenant.")
class TenantChangePayload:
    """The tenant after the step."""

    row: strawberry.Private[UUID]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    tenant: Tenant | None = strawberry.field(
        resolver=_tenant_of_payload,
        description="The tenant as it is now; null if nothing was changed, or if it does not answer any more.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


async def suspend(info: Info, tenant_id: TenantId, reason: Reason) -> TenantChangePayload:
    """Let a tenant answer with its own page only."""
    return await _to(info.context, tenant_id, State.SUSPENDED, reason)


async def resume(info: Info, tenant_id: TenantId, reason: Reason) -> TenantChangePayload:
    """Let a suspended or archived tenant answer again."""
    return await _to(info.context, tenant_id, State.ACTIVE, reason)


async def archive(info: Info, tenant_id: TenantId, reason: Reason) -> TenantChangePayload:
    """Let a tenant answer no more; its data are kept."""
    return await _to(info.context, tenant_id, State.ARCHIVED, reason)


async def rename_tenant(
    info: Info, tenant_id: TenantId, slug: Annotated[str, strawberry.argument(description="The new short name.")]
) -> TenantChangePayload:
    """Give a tenant another short name."""
    row, services = row_id(tenant_id, "Tenant", PLATFORM), info.context.services
    done = rename(services.databases, row, slug, actor=info.context.who, now=services.clock())
    return await answered(info.context, row, done)


async def delete_tenant(
    info: Info,
    tenant_id: TenantId,
    confirm: Annotated[str, strawberry.argument(description="The tenant's short name, typed again.")],
    reason: Reason,
) -> TenantChangePayload:
    """Have an archived tenant deleted for ever."""
    row, databases = row_id(tenant_id, "Tenant", PLATFORM), info.context.services.databases
    done = ask_for_deletion(databases, row, confirmed=confirm, actor=info.context.who, reason=reason)
    return await answered(info.context, row, done)


async def answered(context: Context, row: UUID, done: Awaitable[object]) -> TenantChangePayload:
    """Do it, tell every process, and know it here before the answer."""
    _, errors = await attempt_outside(context, done, ARGUMENTS)
    return TenantChangePayload(row=row, user_errors=errors)


async def _to(context: Context, tenant_id: str, to: State, reason: str) -> TenantChangePayload:
    row = row_id(tenant_id, "Tenant", PLATFORM)
    done = set_state(context.services.databases, row, to, actor=context.who, reason=reason)
    return await answered(context, row, done)


@strawberry.type
class LifecycleMutations:
    """Steps in the life of a tenant."""

    suspend_tenant: TenantChangePayload | None = strawberry.field(
        resolver=suspend,
        description="Let a tenant answer with its own page only: no logins, no jobs, no mail, nothing lost.",
        metadata=MANAGE,
    )
    resume_tenant: TenantChangePayload | None = strawberry.field(
        resolver=resume, description="Let a suspended or archived tenant answer again.", metadata=MANAGE
    )
    archive_tenant: TenantChangePayload | None = strawberry.field(
        resolver=archive, description="Let a tenant answer no more. Its data are kept.", metadata=MANAGE
    )
    rename_tenant: TenantChangePayload | None = strawberry.field(
        resolver=rename_tenant,
        description="Give a tenant another short name. Its old host names lead to the new ones for 90 days.",
        metadata=MANAGE,
    )
    delete_tenant: TenantChangePayload | None = strawberry.field(
        resolver=delete_tenant,
        description="Have an archived tenant deleted for ever: its keys first, then backups, rows and roles.",
        metadata=MANAGE,
    )
