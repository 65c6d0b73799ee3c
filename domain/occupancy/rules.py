"""Pure decisions on occupancy: what a raw reading shows, when it is stale, what lots add up to. No table, no clock.

Percentages are rounded towards empty: 100 means really full, and one free place of 300 never reads as full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

MAXIMUM_LEAD = timedelta(minutes=5)
MISSED_POLLS = 3


class OccupancySource(StrEnum):
    """What an occupancy was counted by."""

    MISTALL = "mistall"
    PARKING_LOGIX = "parking_logix"
    PERMITS = "permits"


@dataclass(frozen=True, slots=True)
class Count:
    """Permits of one kind in one lot: how many there may be, and how many are sold or valid now.

    ``taken`` may pass ``maximum``: overselling is possible on purpose.
    """

    maximum: int
    taken: int

    @property
    def available(self) -> int:
        """How many are left, never below zero."""
        return max(0, self.maximum - self.taken)


class SensorState(NamedTuple):
    """The newest reading of a vendor's lot, raw as stored, with what decides whether it is stale."""

    source: OccupancySource
    capacity: int | None
    occupied: int | None
    free: int | None
    observed_at: datetime
    polled_at: datetime
    is_vanished: bool


class Occupancy(NamedTuple):
    """An occupancy as it is shown: clamped, so that ``0 <= occupied <= capacity`` and the three numbers agree.

    ``capacity`` and ``occupied`` are None where nobody knows them, ``observed_at`` is None for permit counts (they are of now).
    """

    source: OccupancySource
    capacity: int | None
    occupied: int | None
    available: int | None
    percent_full: int | None
    is_stale: bool = False
    observed_at: datetime | None = None


def observed_or_received(observed_at: datetime | None, received_at: datetime) -> datetime:
    """The time of a reading: the vendor's, or the time received when it is missing or over five minutes ahead of it."""
    if observed_at is None or observed_at > received_at + MAXIMUM_LEAD:
        return received_at
    return observed_at


def supersedes(observed_at: datetime, stored_at: datetime) -> bool:
    """Whether a reading is newer than the stored one; a duplicate and a late one are not."""
    return observed_at > stored_at


def is_stale(polled_at: datetime, now: datetime, interval: timedelta, *, is_vanished: bool) -> bool:
    """Whether a reading is too old to trust: three polls were missed, or the vendor no longer knows the lot."""
    return is_vanished or now - polled_at > MISSED_POLLS * interval


def by_sensor(state: SensorState, vehicle_limit: int | None, now: datetime, interval: timedelta) -> Occupancy:
    """What a sensor reading shows. ``vehicle_limit`` of the group is the capacity where the vendor gives none."""
    capacity = vehicle_limit if state.capacity is None else state.capacity
    occupied, available = _clamped(capacity, state.occupied, state.free)
    return Occupancy(
        source=state.source,
        capacity=capacity,
        occupied=occupied,
        available=available,
        percent_full=percent(occupied, capacity),
        is_stale=is_stale(state.polled_at, now, interval, is_vanished=state.is_vanished),
        observed_at=state.observed_at,
    )


def by_permits(counts: Iterable[Count]) -> Occupancy:
    """What permit counts add up to. An oversold lot counts as full and takes no place away from another."""
    capacity = available = 0
    for count in counts:
        capacity += count.maximum
        available += count.available
    occupied = capacity - available
    return Occupancy(OccupancySource.PERMITS, capacity, occupied, available, percent(occupied, capacity))


def donut(sensor: Occupancy | None, counts: Iterable[Count]) -> Occupancy:
    """The occupancy of a group: its sensor if one counts, else its lots added up. The two are never reconciled."""
    return by_permits(counts) if sensor is None else sensor


def percent(part: int | None, whole: int | None) -> int | None:
    """How many whole per cent of ``whole`` a ``part`` between 0 and ``whole`` is; None where nothing can be said."""
    if part is None or not whole:
        return None
    return 100 * part // whole


def _clamped(capacity: int | None, occupied: int | None, free: int | None) -> tuple[int | None, int | None]:
    """Occupied and available, within the capacity; what does not follow from the reading is None."""
    if occupied is not None:
        shown = max(0, occupied if capacity is None else min(occupied, capacity))
        return shown, None if capacity is None else capacity - shown
    if free is None:
        return None, None
    left = max(0, free if capacity is None else min(free, capacity))
    return None if capacity is None else capacity - left, left
