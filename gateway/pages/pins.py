"""What the API answered about pins, as templates want it: places on the drawing, words, and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    lots: Sequence[Data]
    data: Data


def pins_of(found: Sequence[Data], zone: ZoneInfo) -> list[Pin]:
    """The pins of an answer, each with its place on the drawing."""
    points = project([(pin["latitude"], pin["longitude"]) for pin in found])
    return [_pin(data, point, zone) for data, point in zip(found, points, strict=True)]


def _pin(data: Data, point: Point, zone: ZoneInfo) -> Pin:
    is_group = data["kind"] == "LotGroup"
    occupancy = data["occupancy"] if is_group else _by_permits(data)
    percent, stale = occupancy["percentFull"], occupancy["stale"]
    return Pin(
        id=data["id"],
        name=data["name"],
        point=point,
        color=data["mapColor"] if is_group else LOT_COLOR,
        percent=percent,
        is_stale=stale,
        full=wording.full(percent),
        note=wording.note(occupancy["source"], occupancy["observedAt"], zone, is_stale=stale),
        lots=data["lots"] if is_group else [data],
        data=data,
    )


def _by_permits(lot: Data) -> Data:
    """The donut of a lot without a group: what is left of its permits, the other way round."""
    left = lot["availablePercent"]
    return {
        "percentFull": None if left is None else 100 - left,
        "source": "PERMITS",
        "stale": False,
        "observedAt": None,
    }
