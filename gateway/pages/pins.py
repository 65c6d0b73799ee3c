"""What the API answered about pins, as templates want it: places on the drawing, words, and colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from gateway.pages import wording
from gateway.pages.projection import Point, project

Data = Mapping[str, Any]
"""An object of an answer, as the documents ask for it."""

LOT_COLOR = "#5b6b7c"
"""Of a lot without a group: colours belong to groups."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A place on the map. ``lots`` are objects of the answer; a lot without a group is its own only one."""

    id: str
    name: str
    point: Point
    color: str
    percent: int | None
    is_stale: bool
    full: str
    note: str
    has_standard: bool
    has_temporary: bool
    lots: Sequence[Data]
    data: Data


@dataclass(frozen=True, slots=True)
class Portrayal:
    """How one portal sees a place: its occupancy, the words for it, and which kinds of permits a lot has."""

    by_permits: Callable[[Data], Data]
    full: Callable[[Data], str]
    kinds: Callable[[Data], tuple[bool, bool]]


def pins_of(found: Sequence[Data], zone: ZoneInfo, portrayal: Portrayal) -> list[Pin]:
    """The pins of an answer, each with its place on the drawing."""
    points = project([(pin["latitude"], pin["longitude"]) for pin in found])
    return [_pin(data, point, zone, portrayal) for data, point in zip(found, points, strict=True)]


def _pin(data: Data, point: Point, zone: ZoneInfo, portrayal: Portrayal) -> Pin:
    is_group = data["kind"] == "LotGroup"
    lots = data["lots"] if is_group else [data]
    occupancy = data["occupancy"] if is_group else portrayal.by_permits(data)
    kinds = [portrayal.kinds(lot) for lot in lots]
    return Pin(
        id=data["id"],
        name=data["name"],
        point=point,
        color=data["mapColor"] if is_group else LOT_COLOR,
        percent=occupancy["percentFull"],
        is_stale=occupancy["stale"],
        full=portrayal.full(occupancy),
        note=wording.note(occupancy["source"], occupancy["observedAt"], zone, is_stale=occupancy["stale"]),
        has_standard=any(standard for standard, _ in kinds),
        has_temporary=any(temporary for _, temporary in kinds),
        lots=lots,
        data=data,
    )


def _left_the_other_way_round(lot: Data) -> Data:
    left = lot["availablePercent"]
    return _of_permits(None if left is None else 100 - left)


def _added_up(lot: Data) -> Data:
    """Both kinds of permits together; an oversold kind takes no place away from the other."""
    counts = lot["permitCounts"].values()
    capacity, available = sum(count["maximum"] for count in counts), sum(count["available"] for count in counts)
    occupied = capacity - available
    percent = 100 * occupied // capacity if capacity else None
    return {**_of_permits(percent), "capacity": capacity, "occupied": occupied, "available": available}


def _of_permits(percent: int | None) -> dict[str, object]:
    return {"percentFull": percent, "source": "PERMITS", "stale": False, "observedAt": None}


VISITORS = Portrayal(
    by_permits=_left_the_other_way_round,
    full=lambda occupancy: wording.full(occupancy["percentFull"]),
    kinds=lambda lot: (lot["standard"], lot["temporary"]),
)
"""Percentages, and the kinds of permits that are offered."""

STAFF = Portrayal(
    by_permits=_added_up,
    full=lambda occupancy: wording.taken(occupancy["occupied"], occupancy["capacity"], occupancy["available"]),
    kinds=lambda lot: tuple(lot["permitCounts"][kind]["maximum"] > 0 for kind in ("standard", "temporary")),
)
"""Numbers, and the kinds of permits that there are."""
