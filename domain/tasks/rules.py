"""When a task is due: pure decisions on rules, time zones, missed times and further attempts.

A rule is ``every <seconds>`` or ``cron <five fields>``. An interval is counted from the epoch and shifted by a hash of the
schedule, so that the polls of many tenants spread evenly and no restart moves them. A cron rule is read in the schedule's
time zone: a time that the clock change leaves out comes at the next valid minute, a doubled one comes once. Each is then
shifted, by the same hash, within the window of its task, so that no night begins with all tenants at once.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from domain.tasks.errors import RuleInvalid

SHORTEST = 1
LONGEST = 7 * 24 * 3600
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Every:
    """At even intervals."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Cron:
    """At times of the wall clock."""

    expression: str


class Verdict(StrEnum):
    """What becomes of a planned time that is looked at later than planned."""

    RUN = "run"
    MISSED = "missed"


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Every | Cron:
    """Read a rule. Raises RuleInvalid."""
    kind, _, rest = text.partition(" ")
    if kind == "every" and rest.isascii() and rest.isdigit() and SHORTEST <= int(rest) <= LONGEST:
        return Every(int(rest))
    if kind == "cron" and len(rest.split()) == 5:  # noqa: PLR2004 - the five fields of a cron line
        _check_cron(rest)
        return Cron(rest)
    raise RuleInvalid(text)


def next_run(
    rule: Every | Cron, zone: ZoneInfo, schedule_id: UUID, after: datetime, *, spread: timedelta = timedelta(0)
) -> datetime:
    """The first time the rule is due after a moment, in UTC. Raises RuleInvalid for a cron rule that never comes.

    ``spread`` is how much later than its rule says a cron rule may be due: always the same for a schedule.
    """
    if isinstance(rule, Every):
        return _next_even(rule.seconds, schedule_id, after)
    shift = _shift(schedule_id, spread)
    return _next_cron(rule.expression, zone, after - shift) + shift


def judge(due: datetime, now: datetime, late_by: timedelta | None) -> Verdict:
    """Whether a planned time that has come is still to be run: polls always (once), others within their window."""
    return Verdict.RUN if late_by is None or now - due <= late_by else Verdict.MISSED


def retry_pause(failures: int, rule: str, random_share: float) -> timedelta:
    """How long to wait after the n-th failed attempt: full jitter, so that many tenants do not come back together.

    ``random_share`` is a number from 0 to 1. All pauses of a run together stay below half of its interval.
    """
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * float(4**failures), _interval(rule) / float(2 ** (failures + 1)))
    return longest * random_share


def may_wait(asked: timedelta, rule: str, longest: timedelta | None = None) -> bool:
    """Whether a further attempt may wait as long as is asked: ``longest``, or else what the next regular time allows."""
    return asked <= (longest or min(LONGEST_PAUSE, _interval(rule) / 4))


def shared_random() -> float:
    """A number from 0 to 1 for ``retry_pause``."""
    return random.random()  # noqa: S311 - spreads load, protects nothing


def _interval(rule: str) -> timedelta:
    kind, _, rest = rule.partition(" ")
    return timedelta(seconds=int(rest)) if kind == "every" and rest.isdigit() else timedelta(days=1)


def _next_even(seconds: int, schedule_id: UUID, after: datetime) -> datetime:
    interval = timedelta(seconds=seconds)
    shift = _shift(schedule_id, interval)
    passed = (after - EPOCH - shift) // interval
    return EPOCH + shift + (passed + 1) * interval


def _shift(schedule_id: UUID, window: timedelta) -> timedelta:
    """Where in a window a schedule has its place."""
    return timedelta(microseconds=_hash(schedule_id) % (window // timedelta(microseconds=1))) if window else window


def _hash(schedule_id: UUID) -> int:
    return int.from_bytes(hashlib.sha256(schedule_id.bytes).digest()[:8], "big")


def _next_cron(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    # cronsim counts on the wall clock, which is told once for the doubled hour: what it finds may be over already.
    for found in CronSim(expression, after.astimezone(zone)):
        due = found.astimezone(UTC)
        if due > after:
            return due
    raise RuleInvalid(expression)


def _check_cron(expression: str) -> None:
    try:
        found = next(CronSim(expression, EPOCH), None)
    except CronSimError as error:
        raise RuleInvalid(expression) from error
    if found is None:
        raise RuleInvalid(expression)
