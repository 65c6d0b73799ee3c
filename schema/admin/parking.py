"""Lot groups, lots and zones as staff see them: numbers, and everything that can be changed."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import Feature
from domain.occupancy.models import SensorLot
from domain.pins.queries import GroupOnMap, LotOnMap, ParkingMap, staff_map
from domain.users.models import UserType as UserTypeRow
from domain.zones.models import LotZone as LotZoneRow
from domain.zones.models import Zone as ZoneRow
from schema.admin.enums import Weekday
from schema.admin.loads import load_links, load_mistall_lots, load_user_types, load_user_types_of_lots, load_zones
from schema.admin.occupancy import GroupOccupancy, PermitCounts, added_up, counts_of, occupancy_of
from schema.arguments import Info
from schema.declare import PUBLIC, needs, requires
from schema.ids import global_id
from schema.loaders import once
from schema.nodes import Node

MISTALL = requires(Permission.VIEW_LOTS, feature=Feature.MISTALL)
PARKING_LOGIX = requires(Permission.VIEW_LOTS, feature=Feature.PARKING_LOGIX)


@strawberry.interface(description="What has a place on the map: a lot group, or a visible lot without a group.")
class MapPin(Node):
    """The fields that all pins have."""

    name: str = strawberry.field(description="The name on the map.")
    latitude: float | None = strawberry.field(description="Degrees north (WGS 84); null without a place on the map.")
    longitude: float | None = strawberry.field(description="Degrees east (WGS 84); null without a place on the map.")


@needs(PUBLIC)
@strawberry.type(description="A kind of user; it decides which lots are offered.")
class UserType(Node):
    """A user type. The field that returns it says who may read it."""

    name: str = strawberry.field(description="The name.")


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="A lot as Mistall knows it, with its newest reading, raw. It stays when Mistall drops it.")
class MistallLot(Node):
    """An imported lot: what a lot group can be counted by."""

    name: str = strawberry.field(description="The name that Mistall gave it.")
    external_id: str = strawberry.field(description="The id that Mistall gave it.")
    capacity: int | None = strawberry.field(description="Its places, as Mistall says.")
    occupied: int | None = strawberry.field(description="Raw: may pass the capacity, or be below zero.")
    observed_at: datetime = strawberry.field(description="When Mistall saw this.")
    vanished: bool = strawberry.field(description="Whether it was missing from Mistall's last answer.")


async def _lots_of_zone(zone: strawberry.Parent[Zone], info: Info) -> list[Lot]:
    linked = {link.lot_id for link in await once(info.context, load_links) if link.zone_id == zone.row}
    lots = (await once(info.context, staff_map)).lots
    return [lot_of(lot, info.context.environment.tenant.number) for lot in lots if lot.id in linked]


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="A name by which meters and parking apps know one lot or several.")
class Zone(Node):
    """A lot zone."""

    row: strawberry.Private[UUID]
    long_name: str = strawberry.field(description="The name that third parties must use, exactly.")
    short_name: str = strawberry.field(description="The name on signs.")
    lots: list[Lot] = strawberry.field(resolver=_lots_of_zone, description="The lots it holds for at any time.")


@needs(Permission.VIEW_LOTS)
@strawberry.type(
    description="When a zone holds for a lot: by days of the week, or by dates. The other fields are null."
)
class LotZone(Node):
    """A link of a lot and a zone."""

    zone: Zone = strawberry.field(description="The zone.")
    weekdays: list[Weekday] | None = strawberry.field(description="By days: the days of the week.")
    start_time: time | None = strawberry.field(description="By days: from this time on.")
    end_time: time | None = strawberry.field(
        description="By days: until before this time; 23:59 is the end of the day."
    )
    first_day: date | None = strawberry.field(description="By dates: from this day on.")
    last_day: date | None = strawberry.field(description="By dates: until this day, which belongs to it.")


async def _group_of_lot(lot: strawberry.Parent[Lot], info: Info) -> LotGroup | None:
    groups = (await once(info.context, staff_map)).groups
    tenant = info.context.environment.tenant.number
    return next((group_of(group, tenant) for group in groups if group.id == lot.group_row), None)


async def _user_types_of_lot(lot: strawberry.Parent[Lot], info: Info) -> list[UserType]:
    wanted = (await once(info.context, load_user_types_of_lots)).get(lot.row, [])
    types = await once(info.context, load_user_types)
    return [user_type_of(row, info.context.environment.tenant.number) for row in types.values() if row.id in wanted]


async def _zones_of_lot(lot: strawberry.Parent[Lot], info: Info) -> list[LotZone]:
    links = [link for link in await once(info.context, load_links) if link.lot_id == lot.row]
    zones = await once(info.context, load_zones)
    return [link_of(link, zones[link.zone_id], info.context.environment.tenant.number) for link in links]


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="A place that permits are sold for.")
class Lot(MapPin):
    """A lot with its numbers."""

    row: strawberry.Private[UUID]
    group_row: strawberry.Private[UUID | None]
    short_name: str = strawberry.field(description="The name on signs and permits.")
    visible: bool = strawberry.field(description="Whether users see it.")
    temporary_only: bool = strawberry.field(description="Whether it has no standard permits.")
    standard_allocated: int = strawberry.field(description="How many standard permit numbers are allocated to it.")
    temporary_maximum: int = strawberry.field(description="How many temporary permits may be valid at once.")
    permit_counts: PermitCounts = strawberry.field(description="Its permits that hold now.")
    group: LotGroup | None = strawberry.field(resolver=_group_of_lot, description="The lot group it belongs to.")
    user_types: list[UserType] = strawberry.field(
        resolver=_user_types_of_lot, description="The user types that its standard permits are offered to."
    )
    zones: list[LotZone] = strawberry.field(resolver=_zones_of_lot, description="The zones that hold for it, and when.")


async def _mistall_lot_of_group(group: strawberry.Parent[LotGroup], info: Info) -> MistallLot | None:
    if group.mistall_row is None:
        return None
    row = (await once(info.context, load_mistall_lots))[group.mistall_row]
    return mistall_lot_of(row, info.context.environment.tenant.number)


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="Lots that share a pin on the real-time map and, at most, one sensor source.")
class LotGroup(MapPin):
    """A lot group with its numbers."""

    mistall_row: strawberry.Private[UUID | None]
    map_color: str = strawberry.field(description="The colour of the pin, as `#rrggbb`.")
    show_on_map: bool = strawberry.field(description="Whether it is on the real-time map.")
    free_parking_minutes: int | None = strawberry.field(description="How long parking is free; null for no limit.")
    vehicle_count_limit: int | None = strawberry.field(
        description="How many vehicles it takes: the capacity of a Parking Logix group."
    )
    parking_logix_name: str | None = strawberry.field(
        description="The exact name in Parking Logix.", metadata=PARKING_LOGIX
    )
    has_parking_logix_key: bool | None = strawberry.field(
        description="Whether a key of Parking Logix is stored; null where the feature is off.", metadata=PARKING_LOGIX
    )
    occupancy: GroupOccupancy = strawberry.field(
        description="How full it is. It may disagree with the permits, on purpose: sensors count cars."
    )
    permit_counts: PermitCounts = strawberry.field(description="The permits of its lots that hold now, added up.")
    lots: list[Lot] = strawberry.field(description="Its lots, by name.")
    mistall_lot: MistallLot | None = strawberry.field(
        resolver=_mistall_lot_of_group, description="The Mistall lot that counts for it.", metadata=MISTALL
    )


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="The state of the whole map, or of the pins that were asked for.")
class Occupancy:
    """What the live map shows."""

    pins: list[MapPin] = strawberry.field(
        description="The pins: lot groups by name, then lots without a group by name."
    )


def lot_of(lot: LotOnMap, tenant: int) -> Lot:
    """A lot from the map."""
    return Lot(
        id=global_id("Lot", tenant, lot.id),
        row=lot.id,
        group_row=lot.group_id,
        name=lot.name,
        short_name=lot.short_name,
        latitude=lot.latitude,
        longitude=lot.longitude,
        visible=lot.is_visible,
        temporary_only=lot.is_temporary_only,
        standard_allocated=lot.standard_allocated,
        temporary_maximum=lot.temporary.maximum,
        permit_counts=counts_of(lot.standard, lot.temporary),
    )


def group_of(group: GroupOnMap, tenant: int) -> LotGroup:
    """A lot group from the map."""
    lots = [lot_of(lot, tenant) for lot in group.lots]
    return LotGroup(
        id=global_id("LotGroup", tenant, group.id),
        mistall_row=group.mistall_lot_id,
        name=group.name,
        latitude=group.latitude,
        longitude=group.longitude,
        map_color=group.map_color,
        show_on_map=group.is_on_map,
        free_parking_minutes=group.free_parking_minutes,
        vehicle_count_limit=group.vehicle_count_limit,
        parking_logix_name=group.parking_logix_name,
        has_parking_logix_key=group.has_parking_logix_key,
        occupancy=occupancy_of(group.occupancy),
        permit_counts=added_up([lot.permit_counts for lot in lots]),
        lots=lots,
    )


def pins_of(parking: ParkingMap, tenant: int) -> list[MapPin]:
    """The pins of a map."""
    return [group_of(pin, tenant) if isinstance(pin, GroupOnMap) else lot_of(pin, tenant) for pin in parking.pins]


def user_type_of(row: UserTypeRow, tenant: int) -> UserType:
    """A user type from its row."""
    return UserType(id=global_id("UserType", tenant, row.id), name=row.name)


def mistall_lot_of(row: SensorLot, tenant: int) -> MistallLot:
    """An imported lot from its row."""
    return MistallLot(
        id=global_id("MistallLot", tenant, row.id),
        name=row.name,
        external_id=row.external_id,
        capacity=row.capacity,
        occupied=row.occupied,
        observed_at=row.observed_at,
        vanished=row.is_vanished,
    )


def zone_of(row: ZoneRow, tenant: int) -> Zone:
    """A zone from its row."""
    return Zone(id=global_id("Zone", tenant, row.id), row=row.id, long_name=row.long_name, short_name=row.short_name)


def link_of(row: LotZoneRow, zone: ZoneRow, tenant: int) -> LotZone:
    """A link of a lot and a zone from its row."""
    return LotZone(
        id=global_id("LotZone", tenant, row.id),
        zone=zone_of(zone, tenant),
        weekdays=None if row.weekdays is None else [Weekday(day) for day in row.weekdays],
        start_time=row.start_time,
        end_time=row.end_time,
        first_day=row.first_day,
        last_day=row.last_day,
    )
