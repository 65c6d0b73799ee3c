"""Recording what sensors said. Which vendor is asked, and how, is a matter of the integrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert

from domain.kernel.actor import Permission
from domain.kernel.features import require_feature
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.occupancy.errors import ReadingInvalid
from domain.occupancy.events import OccupancyChanged
from domain.occupancy.models import SensorLot, SensorSource
from domain.occupancy.rules import observed_or_received, supersedes

LARGEST = 2**31 - 1
SOURCES_THAT_ANSWER_WHOLE = frozenset({SensorSource.MISTALL})
"""Vendors whose answer always has all their lots: one that is missing there has vanished."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One lot as a vendor reports it: raw numbers, either ``occupied`` or ``free``.

    ``external_id`` is the vendor's id, or the exact name where there are no ids. Raises ReadingInvalid for an empty id,
    for both or neither number, for a negative capacity, for numbers beyond 32 bits, and for a time without an offset.
    """

    external_id: str
    name: str
    capacity: int | None = None
    occupied: int | None = None
    free: int | None = None
    observed_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what can not be stored."""
        if not self.external_id or "\0" in self.external_id + self.name:
            raise ReadingInvalid("A reading needs the id or name of its lot.", field="external_id")
        if (self.occupied is None) == (self.free is None):
            raise ReadingInvalid("A reading has either occupied or free places.", field="occupied")
        if self.capacity is not None and self.capacity < 0:
            raise ReadingInvalid("A capacity is not negative.", field="capacity")
        if any(abs(number) > LARGEST for number in (self.capacity, self.occupied, self.free) if number is not None):
            raise ReadingInvalid("A number is beyond all lots.", field="occupied")
        if self.observed_at is not None and self.observed_at.tzinfo is None:
            raise ReadingInvalid("A time needs its offset.", field="observed_at")


@dataclass(slots=True)
class Recorded:
    """How many readings did what: the counters of a run."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    vanished: int = 0

    @property
    def has_changes(self) -> bool:
        """Whether anything that the map shows may differ now."""
        return bool(self.created or self.updated or self.vanished)


async def record_readings(
    work: Work, source: SensorSource, readings: Iterable[Reading], *, is_whole: bool = True
) -> Recorded:
    """Take over what a poll of one vendor brought. Late and duplicate readings change nothing but the time of the poll.

    Of several readings of one lot the newest counts. ``is_whole`` is false when parts of the answer could not be read: no
    lot is taken for vanished then. The rows are locked in the order of their ids, so that two polls at once wait for each
    other instead of falling into a deadlock. Needs RUN_SYSTEM_TASKS. Raises FeatureOff.
    """
    work.actor.require(Permission.RUN_SYSTEM_TASKS)
    require_feature(work.features, source.feature)
    newest = _newest(readings, work.now)
    created = await _insert_unknown(work, source, newest)
    may_vanish = is_whole and source in SOURCES_THAT_ANSWER_WHOLE
    recorded = Recorded(created=len(created))
    for row in await work.scalars(_locked(source)):
        if row.external_id in newest and row.external_id not in created:
            if _take_over(row, *newest[row.external_id], work.now):
                recorded.updated += 1
            else:
                recorded.unchanged += 1
        elif row.external_id not in newest and may_vanish and not row.is_vanished:
            row.is_vanished = True
            recorded.vanished += 1
    if recorded.has_changes:
        work.record(OccupancyChanged(source=source.value))
    return recorded


def _locked(source: SensorSource) -> Select[SensorLot]:
    return select(SensorLot).where(SensorLot.source == source.value).order_by(SensorLot.id).with_for_update()


def _newest(readings: Iterable[Reading], now: datetime) -> dict[str, tuple[Reading, datetime]]:
    """The newest reading of each lot, with its time."""
    newest: dict[str, tuple[Reading, datetime]] = {}
    for reading in readings:
        observed_at = observed_or_received(reading.observed_at, now)
        held = newest.get(reading.external_id)
        if held is None or supersedes(observed_at, held[1]):
            newest[reading.external_id] = (reading, observed_at)
    return newest


async def _insert_unknown(
    work: Work, source: SensorSource, newest: Mapping[str, tuple[Reading, datetime]]
) -> frozenset[str]:
    """Insert the lots nobody knew of, and return their external ids. Another poll may insert the same at this moment."""
    known = set(await work.scalars(select(SensorLot.external_id).where(SensorLot.source == source.value)))
    rows = [_values(source, *newest[key], work.now) for key in sorted(newest.keys() - known)]
    if not rows:
        return frozenset()
    inserted = insert(SensorLot).values(rows).on_conflict_do_nothing().returning(SensorLot.external_id)
    return frozenset(key for (key,) in await work.rows(inserted))


def _values(source: SensorSource, reading: Reading, observed_at: datetime, now: datetime) -> dict[str, object]:
    return {
        "id": uuid7(),
        "source": source.value,
        "external_id": reading.external_id,
        "name": reading.name,
        "capacity": reading.capacity,
        "occupied": reading.occupied,
        "free": reading.free,
        "observed_at": observed_at,
        "received_at": now,
        "polled_at": now,
    }


def _take_over(row: SensorLot, reading: Reading, observed_at: datetime, now: datetime) -> bool:
    """Put a reading into its row. Returns whether anything that is shown changed."""
    row.polled_at = max(row.polled_at, now)
    has_returned, row.is_vanished = row.is_vanished, False
    if not supersedes(observed_at, row.observed_at):
        return has_returned
    row.name, row.capacity, row.occupied, row.free = reading.name, reading.capacity, reading.occupied, reading.free
    row.observed_at, row.received_at = observed_at, now
    return True
