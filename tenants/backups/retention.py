"""Which backups are kept: pure rules. The last of each of 7 days, 4 weeks and 12 months, by the calendar of a time zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

DAYS, WEEKS, MONTHS = 7, 4, 12


@dataclass(frozen=True, slots=True)
class Kept:
    """How many of each are kept."""

    days: int = DAYS
    weeks: int = WEEKS
    months: int = MONTHS


def to_keep(moments: Iterable[datetime], zone: ZoneInfo, kept: Kept = Kept()) -> frozenset[datetime]:
    """The moments of backups to keep. The newest is among them whatever its age; days without a backup do not count."""
    newest_first = sorted(moments, reverse=True)
    return frozenset(
        moment
        for number, name in (
            (kept.days, lambda local: local.date()),
            (kept.weeks, lambda local: local.isocalendar()[:2]),
            (kept.months, lambda local: (local.year, local.month)),
        )
        for moment in _last_of_each(newest_first, zone, number, name)
    )


def _last_of_each(
    newest_first: list[datetime], zone: ZoneInfo, number: int, name: Callable[[datetime], object]
) -> list[datetime]:
    found: dict[object, datetime] = {}
    for moment in newest_first:
        period = name(moment.astimezone(zone))
        if period not in found and len(found) < number:
            found[period] = moment
    return list(found.values())
