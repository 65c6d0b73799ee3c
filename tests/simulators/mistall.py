"""A Mistall of our own: `python -m tests.simulators.mistall --port 9101 --speed 60`. Its wire format is ASSUMED."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from starlette.requests import Request

from tests.simulators.campus import MISTALL_LOTS, MISTALL_PASSWORD, MISTALL_TOKEN, MISTALL_USER
from tests.simulators.traffic import CampusLot
from tests.simulators.vendor import Entry, Vendor, arguments, morning, run

BASIC = f"Basic {b64encode(f'{MISTALL_USER}:{MISTALL_PASSWORD}'.encode()).decode()}"
BEARER = f"Bearer {MISTALL_TOKEN}"
BROKEN: Entry = {"id": "11", "name": 5, "capacity": "many", "occupied": None, "updatedAt": "yesterday"}


def mistall(speed: float, starts_at: datetime) -> Vendor:
    """The simulated vendor."""
    return Vendor(_lots_of, _describe, lambda entries: {"lots": entries}, BROKEN, speed, starts_at)


def _lots_of(request: Request) -> tuple[str, tuple[CampusLot, ...]] | None:
    sent = request.headers.get("authorization", "")
    return (sent.split(" ")[0], MISTALL_LOTS) if sent in {BASIC, BEARER} else None


def _describe(lot: CampusLot, count: int, seen_at: datetime) -> Entry:
    return {
        "id": lot.id,
        "name": lot.name,
        "capacity": lot.capacity,
        "occupied": count,
        "updatedAt": seen_at.isoformat().replace("+00:00", "Z"),
    }


if __name__ == "__main__":
    given = arguments("A simulated Mistall.")
    run(mistall(given.speed, morning(given.hour)), given.port)
