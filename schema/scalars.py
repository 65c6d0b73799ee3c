"""Scalars of all three APIs, in one form each: times in UTC with a ``Z``, local hours as ``HH:MM``, days as ISO dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TypeVar

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

T = TypeVar("T")

HOURS = re.compile(r"\d\d:\d\d", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=4096)
def write_moment(moment: datetime) -> str:
    """An aware time as RFC 3339 in UTC, to the millisecond. A map shows the same ones again and again."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_moment(text: str) -> datetime:
    """An RFC 3339 time in UTC. Raises ValueError, also without an offset: a time that means two moments means none."""
    if not MOMENT.fullmatch(text):
        msg = "Expected a time with its offset, such as 2026-05-04T12:00:00Z."
        raise ValueError(msg)
    return datetime.fromisoformat(text).astimezone(UTC)


def write_hours(hours: time) -> str:
    """A local time of the day, to the minute."""
    return hours.isoformat(timespec="minutes")


def read_hours(text: str) -> time:
    """A local time of the day. Raises ValueError unless it is ``HH:MM``."""
    if not HOURS.fullmatch(text):
        msg = "Expected hours and minutes, such as 09:30."
        raise ValueError(msg)
    return time.fromisoformat(text)


def read_day(text: str) -> date:
    """A day. Raises ValueError unless it is ``YYYY-MM-DD``."""
    if not DAY.fullmatch(text):
        msg = "Expected a day, such as 2026-05-04."
        raise ValueError(msg)
    return date.fromisoformat(text)


def _reading(read: Callable[[str], T]) -> Callable[[object], T]:
    """The reader for whatever a client sends: what is no text, or can not be read, is the client's fault."""

    def parse(value: object) -> T:
        if not isinstance(value, str):
            msg = "Expected a text."
            raise StrawberryInputCoercionError(msg)
        try:
            return read(value)
        except (ValueError, OverflowError) as error:
            raise StrawberryInputCoercionError(str(error)) from None

    return parse


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment: RFC 3339 with an offset, such as `2026-05-04T12:00:00Z`. Answers are in UTC.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=write_moment,
        parse_value=_reading(read_moment),
    ),
    time: strawberry.scalar(
        name="LocalTime",
        description="A time of the day in the environment's time zone, as `HH:MM`.",
        serialize=write_hours,
        parse_value=_reading(read_hours),
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day in the environment's time zone, as `YYYY-MM-DD`.",
        serialize=date.isoformat,
        parse_value=_reading(read_day),
    ),
}
CONFIG = StrawberryConfig(scalar_map=SCALARS)
"""How all three schemas are built."""
CLASSES = {scalar.name: cls for cls, scalar in SCALARS.items()}
"""The Python class of the values of each scalar."""
