"""Pure decisions on what may be entered for a lot group; lots share names, limits and map points with it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from domain.groups.errors import LimitInvalid, MapColorInvalid, MapPointInvalid, NameInvalid

LONGEST_NAME = 100
LARGEST_LIMIT = 1_000_000
MAP_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
POLE, DATE_LINE = 90, 180  # degrees
DEFAULT_MAP_COLOR = "#2e7d32"


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A place on earth, in degrees (WGS 84). Raises MapPointInvalid beyond the poles and the date line."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        """Refuse what is not on earth."""
        if not (math.isfinite(self.latitude) and abs(self.latitude) <= POLE):
            raise MapPointInvalid("A latitude is between -90 and 90 degrees.", field="latitude")
        if not (math.isfinite(self.longitude) and abs(self.longitude) <= DATE_LINE):
            raise MapPointInvalid("A longitude is between -180 and 180 degrees.", field="longitude")


def checked_name(name: str, field: str = "name") -> str:
    """The name without blanks around it. Raises NameInvalid when it is empty, too long or not printable."""
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        raise NameInvalid(f"A name has 1 to {LONGEST_NAME} printable characters.", field=field)
    return stripped


def checked_map_color(color: str) -> str:
    """The colour as ``#rrggbb`` in small letters. Raises MapColorInvalid."""
    if not MAP_COLOR.fullmatch(color):
        raise MapColorInvalid("A map colour is written as #rrggbb.", field="map_color")
    return color.lower()


def checked_limit(limit: int | None, field: str) -> int | None:
    """The limit, or None for no limit. Raises LimitInvalid below zero and above a million."""
    if limit is not None and not 0 <= limit <= LARGEST_LIMIT:
        raise LimitInvalid(f"A limit is between 0 and {LARGEST_LIMIT}.", field=field)
    return limit
