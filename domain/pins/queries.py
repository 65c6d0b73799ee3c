"""One read for the whole map, in two statements: as visitors see it, and as staff see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from domain.kernel.actor import Actor, Permission
from domain.kernel.features import Features
from domain.kernel.fixed import FixedStatement
from domain.kernel.snapshot import Snapshot
from domain.lots.rules import Offer, offered
from domain.occupancy.rules import Count, Occupancy, OccupancySource, SensorState, by_permits, by_sensor, donut
from domain.pins.statements import KEPT_GROUPS, KEPT_LOTS, LISTED_GROUPS, LISTED_LOTS, GroupRow, LotRow
from domain.tasks.catalogue import UPDATE_MISTALL, UPDATE_PARKING_LOGIX
from domain.tasks.rules import Every, parse_rule


class LotOnMap(LotRow):
    """A row of a lot as an actor sees it: ``offer`` says which kinds of permits that one may see."""

    offer: Offer

    @classmethod
    def of(cls, row: Iterable[Any], actor: Actor) -> LotOnMap:
        """The lot as the actor sees it."""
        lot = cls._make(row)
        lot.offer = offered(
            actor,
            standard_allocated=lot.standard_allocated,
            temporary_maximum=lot.temporary_maximum,
            is_temporary_only=lot.is_temporary_only,
            admits_user_type=lot.admits_user_type,
        )
        return lot

    @property
    def standard(self) -> Count:
        """Standard permits."""
        return Count(0 if self.is_temporary_only else self.standard_allocated, self.standard_taken)

    @property
    def temporary(self) -> Count:
        """Temporary permits."""
        return Count(self.temporary_maximum, self.temporary_taken)

    @property
    def seen(self) -> tuple[Count, ...]:
        """The permits of the kinds that the viewer may see."""
        kinds = ((self.offer.standard, self.standard), (self.offer.temporary, self.temporary))
        return tuple(count for is_seen, count in kinds if is_seen)

    @property
    def occupancy(self) -> Occupancy:
        """How full it is, over the kinds that the viewer may see."""
        return by_permits(self.seen)


class GroupOnMap(GroupRow):
    """A row of a lot group with its lots, and its occupancy, worked out when it is asked for.

    Donut and lots may disagree, on purpose. ``free_parking_minutes`` and what follows is filled for staff only.
    """

    now: datetime
    features: Features
    lots: tuple[LotOnMap, ...]

    @classmethod
    def of(cls, row: Iterable[object], lots: Iterable[LotOnMap], snapshot: Snapshot) -> GroupOnMap:
        """The group with its lots, at the moment of the snapshot. A sensor counts only while its feature is on."""
        group = cls._make(row)
        group.now = snapshot.now
        group.features = snapshot.features
        group.lots = tuple(lots)
        return group

    @property
    def has_sensor(self) -> bool:
        """Whether a sensor counts its cars, while its integration is enabled and its feature is on."""
        return self.source in self.features and self.observed_at is not None and self.polled_at is not None

    @property
    def occupancy(self) -> Occupancy:
        """By its sensor if one counts, else by the permits of its lots."""
        return donut(_sensor(self), (count for lot in self.lots for count in lot.seen))


Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ParkingMap:
    """Everything the map shows, at one moment: groups by name, and all lots, those of groups first, each by name."""

    groups: tuple[GroupOnMap, ...]
    lots: tuple[LotOnMap, ...]

    @property
    def loose_lots(self) -> tuple[LotOnMap, ...]:
        """The lots without a group."""
        return tuple(lot for lot in self.lots if lot.group_id is None)

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
    return _map(groups, [lot for lot in lots if lot.offer], snapshot)


async def visitor_groups(snapshot: Snapshot) -> tuple[GroupOnMap, ...]:
    """The groups of ``visitor_map`` for whoever does not look at their lots, which are there only if they were counted.

    Where every group has a sensor, permits need not be counted: that is the dearer one of the two statements.
    """
    rows = await snapshot.tuples(LISTED_GROUPS)
    groups = tuple(GroupOnMap.of(row, (), snapshot) for row in rows)
    return groups if all(group.has_sensor for group in groups) else (await visitor_map(snapshot)).groups


async def staff_map(snapshot: Snapshot) -> ParkingMap:
    """The map with everything that is not archived, hidden lots and groups too. Needs VIEW_LOTS. Two statements."""
    snapshot.actor.require(Permission.VIEW_LOTS)
    groups, lots = await _read(snapshot, KEPT_GROUPS, KEPT_LOTS)
    return _map(groups, lots, snapshot)


async def _read(snapshot: Snapshot, groups: FixedStatement, lots: FixedStatement) -> tuple[Rows, list[LotOnMap]]:
    actor = snapshot.actor
    group_rows = await snapshot.tuples(groups)
    lot_rows = await snapshot.tuples(lots, {"now": snapshot.now, "user_type_id": actor.user_type_id})
    return group_rows, [LotOnMap.of(row, actor) for row in lot_rows]


def _map(groups: Rows, lots: Iterable[LotOnMap], snapshot: Snapshot) -> ParkingMap:
    by_group: Mapping[UUID | None, list[LotOnMap]] = defaultdict(list)
    for lot in lots:
        by_group[lot.group_id].append(lot)
    shown = tuple(GroupOnMap.of(row, by_group.get(row[0], ()), snapshot) for row in groups)
    return ParkingMap(shown, (*(lot for group in shown for lot in group.lots), *by_group[None]))


def _sensor(row: GroupOnMap) -> Occupancy | None:
    if row.source is None or row.observed_at is None or row.polled_at is None or row.source not in row.features:
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
    return by_sensor(state, row.vehicle_count_limit, row.now, _interval(state.source, row))


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
