"""Reading the map in the portal: lot groups, pins, and the live occupancy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry

from domain.pins.queries import visitor_groups, visitor_map
from schema.arguments import Id, Info, PinIds
from schema.declare import PUBLIC, live, requires
from schema.ids import row_id
from schema.loaders import once
from schema.portal.parking import LotGroup, MapPin, Occupancy, group_of, pins_of
from schema.selection import asks_for


async def read_lot_groups(info: Info) -> list[LotGroup]:
    """All groups on the map."""
    tenant = info.context.environment.tenant.number
    if asks_for(info, "lots"):
        return [group_of(group, tenant) for group in (await once(info.context, visitor_map)).groups]
    return [group_of(group, tenant) for group in await once(info.context, visitor_groups)]


async def find_lot_group(info: Info, group_id: Id) -> LotGroup | None:
    """One group on the map."""
    tenant = info.context.environment.tenant.number
    wanted = row_id(group_id, "LotGroup", tenant)
    groups = (await once(info.context, visitor_map)).groups
    return next((group_of(group, tenant) for group in groups if group.id == wanted), None)


async def read_pins(info: Info) -> list[MapPin]:
    """All pins."""
    return pins_of(await once(info.context, visitor_map), info.context.environment.tenant.number)


async def follow_occupancy(info: Info, pins: PinIds = strawberry.UNSET) -> AsyncIterator[Occupancy]:
    """The state now; the gateway asks again whenever it may have changed."""
    shown = await read_pins(info)
    wanted = frozenset(pins) if pins is not None and pins is not strawberry.UNSET else None
    yield Occupancy(pins=[pin for pin in shown if wanted is None or pin.id in wanted])


@strawberry.type
class MapQueries:
    """The map as it is now. All fields of one operation share two statements, or one where no permits are counted."""

    lot_groups: list[LotGroup] = strawberry.field(
        resolver=read_lot_groups,
        description="The lot groups that are shown on the map, by name.",
        metadata=requires(PUBLIC) | live("occupancy"),
    )
    lot_group: LotGroup | None = strawberry.field(
        resolver=find_lot_group,
        description="The lot group with this id; null if there is none on the map.",
        metadata=requires(PUBLIC) | live("occupancy"),
    )
    pins: list[MapPin] = strawberry.field(
        resolver=read_pins,
        description="What has a place on the map: lot groups, and lots without a group.",
        metadata=requires(PUBLIC) | live("occupancy"),
    )


@strawberry.type
class MapSubscriptions:
    """The map as it changes."""

    occupancy: AsyncIterator[Occupancy] = strawberry.subscription(
        resolver=follow_occupancy,
        description=(
            "The occupancy of the map as it changes. A state stream, not an event log: each message is the whole current "
            "state; in between states may be skipped, the last one never is."
        ),
        metadata=requires(PUBLIC) | live("occupancy"),
    )
