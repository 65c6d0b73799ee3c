"""Anything of the control plane by its id."""

from __future__ import annotations

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Id, Info
from schema.declare import requires
from schema.ids import PLATFORM, read_id
from schema.nodes import Node
from schema.ops.tenants import environment_by_id, tenant_by_id


async def find_node(info: Info, node_id: Id) -> Node | None:
    """A tenant or an environment."""
    type_name, row = read_id(node_id, PLATFORM) or ("", None)
    if row is None:
        return None
    if type_name == "Tenant":
        return tenant_by_id(info.context, row)
    return environment_by_id(info.context, row) if type_name == "Environment" else None


@strawberry.type
class NodeQueries:
    """Node."""

    node: Node | None = strawberry.field(
        resolver=find_node,
        description="The tenant or environment with this id; null if there is none.",
        metadata=requires(Permission.VIEW_TENANTS),
    )
