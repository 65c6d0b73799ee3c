"""What answers, and anything of it by its id, in the portal."""

from __future__ import annotations

import strawberry

from domain.pins.queries import visitor_map
from schema.arguments import Id, Info
from schema.declare import PUBLIC, for_strangers, requires
from schema.environment import Environment, shown
from schema.ids import read_id
from schema.loaders import once
from schema.nodes import Node
from schema.portal.parking import group_of, lot_of


async def read_environment(info: Info) -> Environment:
    """The environment that answers."""
    return shown(info.context.environment)


async def find_node(info: Info, node_id: Id) -> Node | None:
    """Whatever has this id and is visible to the asker."""
    tenant = info.context.environment.tenant.number
    found = read_id(node_id, tenant)
    if found is None or found[0] not in {"LotGroup", "Lot"}:
        return None
    parking = await once(info.context, visitor_map)
    if found[0] == "LotGroup":
        return next((group_of(group, tenant) for group in parking.groups if group.id == found[1]), None)
    return next((lot_of(lot, tenant) for lot in parking.lots if lot.id == found[1]), None)


@strawberry.type
class NodeQueries:
    """Environment and node."""

    environment: Environment = strawberry.field(
        resolver=read_environment, description="The site that answers.", metadata=for_strangers() | requires(PUBLIC)
    )
    node: Node | None = strawberry.field(
        resolver=find_node,
        description="Whatever has this id; null if there is nothing, or nothing that you may see.",
        metadata=requires(PUBLIC),
    )
