"""One read for the whole map, in two statements: as visitors see it, and as staff see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Select

from domain.kernel.actor import Actor, Permission
from domain.kernel.snapshot import Snapshot
from domain.lots.rules import Offer, offered
from domain.occupancy.rules import Count, Occupancy, OccupancySource, SensorState, by_permits, by_sensor, donut
from domain.pins.statements import KEPT_GROUPS, KEPT_LOTS, LISTED_GROUPS, LISTED_LOTS, GroupRow, LotRow
from domain.tasks.catalogue import UPDATE_MISTALL, UPDATE_PARKING_LOGIX
from domain.tasks.rules import Every, parse_rule

Statement = Select[*tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class LotOnMap:
    """A lot with its permit counts; ``offer`` says which kinds the viewer may see, ``occupancy`` is over those."""

    id: UUID
    name: str
    short_name: str
    latitude: float | None
    longitude: float | None
    group_id: UUID | None
    is_visible: bool
    is_temporary_only: bool
    standard_allocated: int
    offer: Offer
    standard: Count
    temporary: Count
    occupancy: Occupancy


@dataclass(frozen=True, slots=True)
class GroupOnMap:
    """A lot group with its occupancy and its lots. Donut and lots may disagree, on purpose.

    The fields from ``free_parking_minutes`` to ``has_parking_logix_key`` are filled for staff only.
    """

    id: UUID
    name: str
    map_color: str
    latitude: float | None
    longitude: float | None
    is_on_map: bool
    vehicle_count_limit: int | None
    free_parking_minutes: int | None
    mistall_lot_id: UUID | None
    parking_logix_name: str | None
    has_parking_logix_key: bool
    occupancy: Occupancy
    lots: tuple[LotOnMap, ...]


@dataclass(frozen=True, slots=True)
class ParkingMap:
    """Everything the map shows, at one moment: groups with their lots, and lots without a group, each by name."""

    groups: tuple[GroupOnMap, ...]
    loose_lots: tuple[LotOnMap, ...]

    @property
    def lots(self) -> tuple[LotOnMap, ...]:
        """All lots, those of groups first."""
        return (*(lot for group in self.groups for lot in group.lots), *self.loose_lots)

    @property
    def pins(self) -> tuple[GroupOnMap | LotOnMap, ...]:
        """What has a place on the map: groups that are shown there, and visible lots without a group."""
        groups = (group for group in self.groups if group.is_on_map and group.latitude is not None)
        lots = (lot for lot in self.loose_lots if lot.is_visible and lot.latitude is not None)
        return (*groups, *lots)


async def visitor_map(snapshot: Snapshot) -> ParkingMap:
    """The map as the actor sees it as a visitor: what is shown to the public, and of permits the kinds offered to them.

    It is the same for a reduced actor as for everybody of that class. Two statements.
    """
    groups, lots = await _read(snapshot, LISTED_GROUPS, LISTED_LOTS)
    return _map(groups, [lot for lot in lots if lot.offer], snapshot.now)


async def staff_map(snapshot: Snapshot) -> ParkingMap:
    """The map with everything that is not archived, hidden lots and groups too. Needs VIEW_LOTS. Two statements."""
    snapshot.actor.require(Permission.VIEW_LOTS)
    groups, lots = await _read(snapshot, KEPT_GROUPS, KEPT_LOTS)
    return _map(groups, lots, snapshot.now)


async def _read(snapshot: Snapshot, groups: Statement, lots: Statement) -> tuple[list[GroupRow], list[LotOnMap]]:
    actor = snapshot.actor
    group_rows = await snapshot.rows(groups)
    lot_rows = await snapshot.rows(lots, {"now": snapshot.now, "user_type_id": actor.user_type_id})
    return [GroupRow._make(row) for row in group_rows], [_lot(LotRow._make(row), actor) for row in lot_rows]


def _map(groups: Iterable[GroupRow], lots: Iterable[LotOnMap], now: datetime) -> ParkingMap:
    by_group: Mapping[UUID | None, list[LotOnMap]] = defaultdict(list)
    for lot in lots:
        by_group[lot.group_id].append(lot)
    shown = tuple(_group(row, tuple(by_group[row.id]), now) for row in groups)
    return ParkingMap(shown, tuple(by_group[None]))


def _lot(row: LotRow, actor: Actor) -> LotOnMap:
    offer = offered(
        actor,
        standard_allocated=row.standard_allocated,
        temporary_maximum=row.temporary_maximum,
        is_temporary_only=row.is_temporary_only,
        admits_user_type=row.admits_user_type,
    )
    standard = Count(0 if row.is_temporary_only else row.standard_allocated, row.standard_taken)
    temporary = Count(row.temporary_maximum, row.temporary_taken)
    return LotOnMap(
        id=row.id,
        name=row.name,
        short_name=row.short_name,
        latitude=row.latitude,
        longitude=row.longitude,
        group_id=row.group_id,
        is_visible=row.is_visible,
        is_temporary_only=row.is_temporary_only,
        standard_allocated=row.standard_allocated,
        offer=offer,
        standard=standard,
        temporary=temporary,
        occupancy=by_permits(_seen(offer, standard, temporary)),
    )


def _seen(offer: Offer, standard: Count, temporary: Count) -> tuple[Count, ...]:
    kinds = ((offer.standard, standard), (offer.temporary, temporary))
    return tuple(count for is_seen, count in kinds if is_seen)


def _group(row: GroupRow, lots: tuple[LotOnMap, ...], now: datetime) -> GroupOnMap:
    counts = (count for lot in lots for count in _seen(lot.offer, lot.standard, lot.temporary))
    return GroupOnMap(
        id=row.id,
        name=row.name,
        map_color=row.map_color,
        latitude=row.latitude,
        longitude=row.longitude,
        is_on_map=row.is_on_map,
        vehicle_count_limit=row.vehicle_count_limit,
        free_parking_minutes=row.free_parking_minutes,
        mistall_lot_id=row.mistall_lot_id,
        parking_logix_name=row.parking_logix_name,
        has_parking_logix_key=row.has_parking_logix_key,
        occupancy=donut(_sensor(row, now), counts),
        lots=lots,
    )


def _sensor(row: GroupRow, now: datetime) -> Occupancy | None:
    if row.source is None or row.observed_at is None or row.polled_at is None:
        return None
    state = SensorState(
        source=OccupancySource(row.source),
        capacity=row.capacity,
        occupied=row.occupied,
        free=row.free,
        observed_at=row.observed_at,
        polled_at=row.polled_at,
        is_vanished=bool(row.is_vanished),
    )
    return by_sensor(state, row.vehicle_count_limit, now, _interval(state.source, row))


def _interval(source: OccupancySource, row: GroupRow) -> timedelta:
    """How often the sensor's vendor is polled: by the environment's schedule, else by the default one."""
    if source is OccupancySource.MISTALL:
        return _seconds(row.mistall_rule or UPDATE_MISTALL.rule)
    return _seconds(row.parking_logix_rule or UPDATE_PARKING_LOGIX.rule)


@lru_cache(maxsize=64)
def _seconds(rule: str) -> timedelta:
    parsed = parse_rule(rule)
    if isinstance(parsed, Every):
        return timedelta(seconds=parsed.seconds)
    return timedelta(days=1)  # a cron line: at most daily here
