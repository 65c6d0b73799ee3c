"""From latitude and longitude to a place on the schematic map, in per cent of its width and height. Pure.

The map is a drawing and no chart: pins keep their true direction from each other, but step aside where they would cover
each other, and the streets and blocks between them are made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

ASPECT = 1.45
"""Width of the drawing by its height, on a desk."""

LEFT, RIGHT, TOP, BOTTOM = 13.0, 87.0, 17.0, 80.0
WIDEST = 1.6
"""How many times wider than high the drawing may be stretched to fill the room: it is none to measure in."""

NEAREST_X, NEAREST_Y = 20.0, 21.0
"""How near pins may come to each other: an ellipse as large as a pin with its name, on a phone."""

ROUNDS = 60
MOST_SPREAD = 40
STREET_GAP = 11.0
HALF_STREET = 0.7
PARK_EVERY = 5


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the drawing, in per cent from its upper left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Block:
    """A block of houses or a park between streets, in per cent of the drawing."""

    x: float
    y: float
    width: float
    height: float
    is_park: bool


def project(places: Sequence[tuple[float, float]]) -> list[Point]:
    """Places (latitude, longitude) as points, north up, in the same order; spread so that pins can be told apart."""
    return list(_projected(tuple(places))) if places else []


def blocks(points: Iterable[Point]) -> list[Block]:
    """The blocks between streets that lead past the points; the same for the same points."""
    known = list(points)
    columns = _gaps(_streets([point.x for point in known]))
    rows = _gaps(_streets([point.y for point in known]))
    return [
        Block(left, top, round(right - left, 2), round(bottom - top, 2), (3 * i + 4 * j) % PARK_EVERY == 1)
        for i, (left, right) in enumerate(columns)
        for j, (top, bottom) in enumerate(rows)
    ]


@lru_cache(maxsize=256)
def _projected(places: tuple[tuple[float, float], ...]) -> tuple[Point, ...]:
    """Spreading takes milliseconds, and a map is drawn for each of its visitors."""
    latitude = sum(place[0] for place in places) / len(places)
    first = places[0][1]
    # Around the first place, so that a campus on the 180th meridian stays in one piece.
    east = [_around(place[1] - first) * math.cos(math.radians(latitude)) for place in places]
    south = [latitude - place[0] for place in places]
    return tuple(_spread(_fit(east, south)))


def _around(degrees: float) -> float:
    return (degrees + 540.0) % 360.0 - 180.0


def _fit(east: Sequence[float], south: Sequence[float]) -> list[Point]:
    """Scale both directions alike, nearly, as large as the margins allow; the middle comes into the middle."""
    wide, high = max(east) - min(east), max(south) - min(south)
    across = (RIGHT - LEFT) * ASPECT / wide if wide else math.inf
    down = (BOTTOM - TOP) / high if high else math.inf
    across, down = min(across, down * WIDEST), min(across, down)
    across, down = (0.0 if math.isinf(scale) else scale for scale in (across, down))
    middle_x, middle_y = (max(east) + min(east)) / 2, (max(south) + min(south)) / 2
    return [
        Point((LEFT + RIGHT) / 2 + (x - middle_x) * across / ASPECT, (TOP + BOTTOM) / 2 + (y - middle_y) * down)
        for x, y in zip(east, south, strict=True)
    ]


def _spread(points: list[Point]) -> list[Point]:
    """Push pins apart that would cover each other. So many pins that it can not work are left where they are."""
    if len(points) <= MOST_SPREAD:
        for _ in range(ROUNDS):
            if not _pushed(points):
                break
    return [Point(round(point.x, 2), round(point.y, 2)) for point in points]


def _pushed(points: list[Point]) -> bool:
    has_moved = False
    for i in range(len(points)):
        for j in range(i):
            step = _step_aside(points[i], points[j], i)
            if step is not None:
                has_moved = True
                points[i] = _inside(points[i].x + step.x, points[i].y + step.y)
                points[j] = _inside(points[j].x - step.x, points[j].y - step.y)
    return has_moved


def _step_aside(one: Point, other: Point, order: int) -> Point | None:
    """Half of what is lacking between two pins; ``order`` gives two pins at the same place a direction to part in."""
    x, y = (one.x - other.x) / NEAREST_X, (one.y - other.y) / NEAREST_Y
    distance = math.hypot(x, y)
    if distance >= 1:
        return None
    if distance < 1e-6:  # noqa: PLR2004 - the same place
        x, y, distance = math.cos(2.4 * order), math.sin(2.4 * order), 1.0
        return Point(x * NEAREST_X / 4, y * NEAREST_Y / 4)
    lacking = (1 - distance) / distance / 2 + 0.01
    return Point(x * lacking * NEAREST_X, y * lacking * NEAREST_Y)


def _inside(x: float, y: float) -> Point:
    return Point(min(max(x, LEFT), RIGHT), min(max(y, TOP), BOTTOM))


def _streets(positions: Iterable[float]) -> list[float]:
    """Streets through the positions; those that would lie side by side are one."""
    streets: list[float] = []
    for position in sorted(positions):
        if not streets or position - streets[-1] >= STREET_GAP:
            streets.append(position)
    return streets


def _gaps(streets: list[float]) -> list[tuple[float, float]]:
    """What lies between the streets, from beyond one edge of the drawing to beyond the other."""
    edges = [-5.0, *streets, 105.0]
    return [(round(before + HALF_STREET, 2), round(after - HALF_STREET, 2)) for before, after in pairwise(edges)]
