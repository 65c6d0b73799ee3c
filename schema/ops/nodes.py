"""Anything of the control plane by its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Id, Info
from schema.context import Context
from schema.copies import shown_backup
from schema.declare import requires
from schema.ids import PLATFORM, read_id
from schema.nodes import Node
from schema.ops.people import me_of
from schema.ops.tenants import environment_by_id, tenant_by_id
from schema.plans import shown_trial
from tenants.backups.queries import backup_by_id
from tenants.plans.trials import trial_by_id

Finder = Callable[[Context, UUID], Awaitable[Node | None]]


async def find_node(info: Info, node_id: Id) -> Node | None:
    """Whatever has this id."""
    type_name, row = read_id(node_id, PLATFORM) or ("", None)
    find = FINDERS.get(type_name)
    return await find(info.context, row) if find is not None and row is not None else None


async def _tenant(context: Context, row: UUID) -> Node | None:
    return tenant_by_id(context, row)


async def _environment(context: Context, row: UUID) -> Node | None:
    return environment_by_id(context, row)


async def _backup(context: Context, row: UUID) -> Node | None:
    found = await backup_by_id(context.services.databases, row)
    return shown_backup(found, PLATFORM) if found else None


async def _trial(context: Context, row: UUID) -> Node | None:
    found = await trial_by_id(context.services.databases, row)
    return shown_trial(found, PLATFORM) if found else None


async def _me(context: Context, row: UUID) -> Node | None:
    return me_of(context.actor) if row == context.actor.subject else None


FINDERS: Mapping[str, Finder] = MappingProxyType(
    {"Tenant": _tenant, "Environment": _environment, "Backup": _backup, "FeatureTrial": _trial, "Staff": _me}
)
"""How each type that `node` knows is found."""


@strawberry.type
class NodeQueries:
    """Node."""

    node: Node | None = strawberry.field(
        resolver=find_node,
        description="Whatever has this id; null if there is nothing.",
        metadata=requires(Permission.VIEW_TENANTS),
    )
