"""A Parking Logix of our own: `python -m tests.simulators.parking_logix --port 9102 --speed 60`.

It answers one key with a flat list and numbers as text, the other with a list in a list and numbers: both are seen.
"""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request

from tests.simulators.campus import ARTS_KEY, PARKING_LOGIX_LOTS
from tests.simulators.traffic import CampusLot
from tests.simulators.vendor import Entry, Vendor, arguments, morning, run

BROKEN: Entry = {"location_name": ["Mountaineer Garage"], "free_spaces": "some", "date_time": 7}
NUMBERS_AS_TEXT = frozenset({lot.id for key, lots in PARKING_LOGIX_LOTS.items() if key != ARTS_KEY for lot in lots})


def parking_logix(speed: float, starts_at: datetime) -> Vendor:
    """The simulated vendor."""
    return Vendor(_lots_of, _describe, _wrap, BROKEN, speed, starts_at)


def _lots_of(request: Request) -> tuple[str, tuple[CampusLot, ...]] | None:
    key = request.headers.get("x-api-key", "")
    return (key, PARKING_LOGIX_LOTS[key]) if key in PARKING_LOGIX_LOTS else None


def _describe(lot: CampusLot, count: int, seen_at: datetime) -> Entry:
    free = lot.capacity - count
    return {
        "location_name": lot.name,
        "free_spaces": str(free) if lot.id in NUMBERS_AS_TEXT else free,
        "date_time": seen_at.isoformat(sep=" ", timespec="milliseconds"),
    }


def _wrap(entries: list[Entry]) -> object:
    is_flat = any(isinstance(entry.get("free_spaces"), str) for entry in entries)
    return entries if is_flat else [entries]


if __name__ == "__main__":
    given = arguments("A simulated Parking Logix.")
    run(parking_logix(given.speed, morning(given.hour)), given.port)
