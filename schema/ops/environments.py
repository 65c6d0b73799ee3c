"""Environments of a tenant beside its production, on the control plane."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import requires
from schema.ids import PLATFORM, row_id
from schema.ops.known import EnvironmentId, TenantId
from schema.ops.lifecycle import Reason, TenantChangePayload, answered
from tenants.environments import EnvironmentKind
from tenants.lifecycle.environments import add, add_from_backup, ask_for_deletion
from tenants.previews.actions import Who

MANAGE = requires(Permission.MANAGE_TENANTS)
Kind = Annotated[EnvironmentKind, strawberry.argument(description="Any kind but production.")]
BackupId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The backup that it is to hold; null: it is empty.")
]


async def create(info: Info, tenant_id: TenantId, kind: Kind, backup_id: BackupId = None) -> TenantChangePayload:
    """Make an environment."""
    row, context = row_id(tenant_id, "Tenant", PLATFORM), info.context
    provisioner = context.services.provisioner
    if backup_id is None:
        return await answered(context, row, add(provisioner, row, kind, actor=context.who))
    backup = row_id(backup_id, "Backup", PLATFORM)
    who = Who(context.who, context.actor.user_id, is_platform=True)
    return await answered(context, row, add_from_backup(provisioner, row, kind, backup, who))


async def delete(info: Info, environment_id: EnvironmentId, reason: Reason) -> TenantChangePayload:
    """Have an environment deleted."""
    row, context = row_id(environment_id, "Environment", PLATFORM), info.context
    known = context.services.registry.by_id(row)
    done = ask_for_deletion(context.services.databases, row, actor=context.who, reason=reason)
    return await answered(context, known.tenant.id if known else row, done)


@strawberry.type
class EnvironmentMutations:
    """What staff do with environments."""

    create_environment: TenantChangePayload | None = strawberry.field(
        resolver=create,
        description=(
            "Make another environment of a tenant: empty, ready when this answers, or by a worker from a backup, which is "
            "sanitised in the test group and not in the live one."
        ),
        metadata=MANAGE,
    )
    delete_environment: TenantChangePayload | None = strawberry.field(
        resolver=delete,
        description="Have an environment deleted by a worker. Its backups stay until their time is over.",
        metadata=MANAGE,
    )
