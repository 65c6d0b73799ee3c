"""A day of plausible campus traffic as a pure function of time: the same moment always gives the same count."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

SATURDAY = 5
WEEKEND_SHARE = 0.25


@dataclass(frozen=True)
class Day:
    """When a lot fills and empties, in hours: the middle of each, how long it takes, and how full it is by night and at best."""

    fills_at: float
    empties_at: float
    takes: float = 0.7
    by_night: float = 0.06
    at_best: float = 0.95


@dataclass(frozen=True)
class CampusLot:
    """A lot that a vendor counts."""

    id: str
    name: str
    capacity: int
    day: Day


def parked(lot: CampusLot, moment: datetime) -> int:
    """How many cars a lot's sensors count at a moment (local time). They drift: a full lot may show a car too many."""
    hour = moment.hour + moment.minute / 60 + moment.second / 3600
    filled = _step(hour, lot.day.fills_at, lot.day.takes) - _step(hour, lot.day.empties_at, lot.day.takes)
    share = lot.day.by_night + (lot.day.at_best - lot.day.by_night) * filled
    if moment.weekday() >= SATURDAY:
        share *= WEEKEND_SHARE
    return round(lot.capacity * (share + _swing(lot, hour))) + _jitter(lot, moment)


def _step(hour: float, middle: float, takes: float) -> float:
    """From 0 to 1, around the middle."""
    return 1 / (1 + math.exp(-4 * (hour - middle) / takes))


def _swing(lot: CampusLot, hour: float) -> float:
    """Lectures begin and end: a slow wave of two and a half per cent, for each lot another one."""
    phase = int.from_bytes(hashlib.sha256(lot.id.encode()).digest()[:2], "big") / 65536
    return 0.025 * math.sin(2 * math.pi * (hour / 1.4 + phase))


def _jitter(lot: CampusLot, moment: datetime) -> int:
    """Single cars that come and go each minute: from two fewer to two more."""
    minute = f"{lot.id} {moment:%Y-%m-%d %H:%M}".encode()
    return hashlib.sha256(minute).digest()[0] % 5 - 2
