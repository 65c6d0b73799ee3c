"""The words of the map, for templates and for the script alike: counts, sources and times as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "MISTALL": "Counted by cameras",
        "PARKING_LOGIX": "Counted by sensors",
        "PERMITS": "Counted by permits",
    }
)
"""What an occupancy was counted by, by the name it has in the API."""

UNKNOWN = "not known"
NO_NEWS = "No news since"
FULL, LEFT, SOLD_OUT, NONE_OFFERED = "full", "left", "sold out", "none offered"
NO_NUMBER = "\N{EN DASH}"
OF, TAKEN, FREE = "of", "taken", "free"
LINE = 15


def note(source: str, observed_at: str | None, zone: ZoneInfo, *, is_stale: bool) -> str:
    """The line below a place: what it was counted by and when, or since when nothing was heard."""
    if observed_at is None:
        return SOURCES[source]
    seen = hours(observed_at, zone)
    return f"{NO_NEWS} {seen}" if is_stale else f"{SOURCES[source]} at {seen}"


def hours(moment: str, zone: ZoneInfo) -> str:
    """The local time of the day of a moment as the API writes it."""
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%H:%M")


def full(percent: int | None) -> str:
    """How full a place is, in words."""
    if percent is None:
        return UNKNOWN
    return FULL if percent == 100 else f"{percent} % {FULL}"  # noqa: PLR2004 - per cent


def ring(percent: int | None) -> str:
    """The same in the middle of a donut, where there is little room."""
    if percent is None:
        return NO_NUMBER
    return FULL if percent == 100 else f"{percent}%"  # noqa: PLR2004


def taken(occupied: int | None, capacity: int | None, available: int | None) -> str:
    """The numbers of a place, as far as they are known."""
    if occupied is not None:
        return f"{occupied} {TAKEN}" if capacity is None else f"{occupied} {OF} {capacity} {TAKEN}"
    return UNKNOWN if available is None else f"{available} {FREE}"


def left(percent: int | None) -> str:
    """How much of a lot's permits is still to be had, in words."""
    if percent is None:
        return NONE_OFFERED
    return SOLD_OUT if percent == 0 else f"{percent} % {LEFT}"


def name_lines(name: str) -> list[str]:
    """A name in at most two short lines, as it stands below a pin; the whole name is in the list beside the map."""
    lines = [""]
    for word in name.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= LINE or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    short = [line if len(line) <= LINE + 3 else line[: LINE + 2] + "…" for line in lines]
    return short if len(short) <= 2 else [short[0], short[1] + " …"]  # noqa: PLR2004 - two lines


def page_words() -> dict[str, str]:
    """The same words for the script."""
    return {
        **SOURCES,
        "unknown": UNKNOWN,
        "noNews": NO_NEWS,
        "at": "at",
        "full": FULL,
        "left": LEFT,
        "soldOut": SOLD_OUT,
        "noneOffered": NONE_OFFERED,
        "of": OF,
        "taken": TAKEN,
        "free": FREE,
    }
