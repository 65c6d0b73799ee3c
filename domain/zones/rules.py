"""Pure decisions on lot zones: when a zone holds for a lot, told in the environment's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.zones.errors import ValidityInvalid

ALL_WEEK = frozenset(range(1, 8))
END_OF_DAY = time(23, 59)
"""As an end this means midnight: the last minute of the day belongs to it."""


@dataclass(frozen=True, slots=True)
class ByDays:
    """Holds on ISO weekdays (1 is Monday) from ``start`` until before ``end``; by default all week, all day.

    Raises ValidityInvalid without weekdays, with unknown ones, with times finer than a minute, and when it ends before it
    starts: what runs over midnight is entered as two.
    """

    weekdays: frozenset[int] = ALL_WEEK
    start: time = time(0, 0)
    end: time = END_OF_DAY

    def __post_init__(self) -> None:
        """Refuse what would never hold, or could not be meant."""
        if not self.weekdays or not self.weekdays <= ALL_WEEK:
            raise ValidityInvalid("Weekdays are numbers from 1 (Monday) to 7 (Sunday), at least one.", field="weekdays")
        if any(moment.second or moment.microsecond or moment.tzinfo for moment in (self.start, self.end)):
            raise ValidityInvalid("Times are local, in hours and minutes.", field="start_time")
        if self.start >= self.end:
            raise ValidityInvalid("It ends after it starts, on the same day.", field="end_time")

    def holds(self, local: datetime) -> bool:
        """Whether it holds at a local time."""
        moment = local.time()
        is_before_end = self.end == END_OF_DAY or moment < self.end
        return local.isoweekday() in self.weekdays and self.start <= moment and is_before_end


@dataclass(frozen=True, slots=True)
class ByDates:
    """Holds on whole local days from the first to the last, both included. Raises ValidityInvalid in the wrong order."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        """Refuse what would never hold."""
        if self.first_day > self.last_day:
            raise ValidityInvalid("The last day is not before the first.", field="last_day")

    def holds(self, local: datetime) -> bool:
        """Whether it holds at a local time."""
        return self.first_day <= local.date() <= self.last_day


Validity = ByDays | ByDates


def zones_holding(links: Iterable[tuple[UUID, Validity]], at: datetime, time_zone: ZoneInfo) -> frozenset[UUID]:
    """Which zones hold at an aware time for a lot with these links of zone and validity."""
    local = at.astimezone(time_zone)
    return frozenset(zone_id for zone_id, validity in links if validity.holds(local))
