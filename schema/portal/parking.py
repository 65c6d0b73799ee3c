"""Lot groups, lots and pins as visitors see them: percentages and icons, no numbers. Built from rows read beforehand."""

from __future__ import annotations

from datetime import datetime

import strawberry

from domain.occupancy.rules import Occupancy as Counted
from domain.occupancy.rules import OccupancySource
from domain.pins.queries import GroupOnMap, LotOnMap, ParkingMap
from schema.declare import PUBLIC, needs
from schema.ids import global_id
from schema.nodes import Node


@strawberry.interface(description="What has a place on the map: a lot group, or a lot without a group.")
class MapPin(Node):
    """The fields that all pins have."""

    name: str = strawberry.field(description="The name on the map.")
    latitude: float | None = strawberry.field(description="Degrees north (WGS 84); null without a place on the map.")
    longitude: float | None = strawberry.field(description="Degrees east (WGS 84); null without a place on the map.")


@needs(PUBLIC)
@strawberry.type(description="How full a lot group is: by its sensor if it has one, else by the permits of its lots.")
class GroupOccupancy:
    """The donut of a group."""

    percent_full: int | None = strawberry.field(
        description="Whole per cent, rounded down: 100 means really full. Null where the capacity is not known."
    )
    source: OccupancySource = strawberry.field(description="What it was counted by.")
    stale: bool = strawberry.field(description="Whether the sensor was silent for three polls or is gone.")
    observed_at: datetime | None = strawberry.field(
        description="When the sensor saw this; null for permit counts, which are always of now."
    )


@needs(PUBLIC)
@strawberry.type(description="A place that permits are sold for, with the kinds of permits that you may see.")
class Lot(MapPin):
    """A lot as its viewer may see it."""

    short_name: str = strawberry.field(description="The name on signs and permits.")
    available_percent: int | None = strawberry.field(
        description="How much of it is still to be had, in whole per cent, over the kinds of permits you may see."
    )
    standard: bool = strawberry.field(description="Whether standard permits are offered to you (the green icon).")
    temporary: bool = strawberry.field(description="Whether temporary permits are offered (the yellow icon).")


def _lots_of_group(self: LotGroup) -> list[Lot]:
    """Made only if they are asked for."""
    return [lot_of(lot, self.tenant) for lot in self.seen]


@needs(PUBLIC)
@strawberry.type(description="Lots that share a pin on the real-time map.")
class LotGroup(MapPin):
    """A lot group as its viewer may see it."""

    map_color: str = strawberry.field(description="The colour of the pin, as `#rrggbb`.")
    occupancy: GroupOccupancy = strawberry.field(
        description="How full it is. It may disagree with the lots below, on purpose: sensors count cars, lots permits."
    )
    seen: strawberry.Private[tuple[LotOnMap, ...]]
    tenant: strawberry.Private[int]
    lots: list[Lot] = strawberry.field(
        resolver=_lots_of_group, description="Its lots that offer you anything, by name."
    )


@needs(PUBLIC)
@strawberry.type(description="The state of the whole map, or of the pins that were asked for.")
class Occupancy:
    """What the live map shows."""

    pins: list[MapPin] = strawberry.field(
        description="The pins: lot groups by name, then lots without a group by name."
    )


def occupancy_of(counted: Counted) -> GroupOccupancy:
    """A donut without numbers."""
    return GroupOccupancy(
        percent_full=counted.percent_full,
        source=counted.source,
        stale=counted.is_stale,
        observed_at=counted.observed_at,
    )


def lot_of(lot: LotOnMap, tenant: int) -> Lot:
    """A lot without numbers."""
    full = lot.occupancy.percent_full
    return Lot(
        id=global_id("Lot", tenant, lot.id),
        name=lot.name,
        short_name=lot.short_name,
        latitude=lot.latitude,
        longitude=lot.longitude,
        available_percent=None if full is None else 100 - full,
        standard=lot.offer.standard,
        temporary=lot.offer.temporary,
    )


def group_of(group: GroupOnMap, tenant: int) -> LotGroup:
    """A lot group without numbers."""
    return LotGroup(
        id=global_id("LotGroup", tenant, group.id),
        name=group.name,
        map_color=group.map_color,
        latitude=group.latitude,
        longitude=group.longitude,
        occupancy=occupancy_of(group.occupancy),
        seen=group.lots,
        tenant=tenant,
    )


def pins_of(parking: ParkingMap, tenant: int) -> list[MapPin]:
    """The pins of a map."""
    return [group_of(pin, tenant) if isinstance(pin, GroupOnMap) else lot_of(pin, tenant) for pin in parking.pins]
