"""Reading single values of a vendor's JSON, forgiving about their form and strict about their meaning. Pure."""

from __future__ import annotations

from datetime import datetime

LARGEST = 2**31 - 1
LONGEST_TEXT = 200
YEARS = range(2000, 2101)


def whole_number(value: object) -> int | None:
    """A whole number, also one written as text or as ``12.0``. None for anything else, also for one beyond 32 bits."""
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii() or not text.removeprefix("-").isdecimal():
            return None
        value = int(text) if len(text) <= len(str(-LARGEST)) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        return None
    return value


def short_text(value: object) -> str | None:
    """Text that can be stored and shown, or a whole number as text. None for anything else, also for an empty one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    is_fit = value.strip() and len(value) <= LONGEST_TEXT and value.isprintable()
    return value if is_fit else None


def aware_time(value: object) -> datetime | None:
    """A time with its offset (ISO 8601, a blank between date and time will do). None for anything else.

    Also None for another century: what PostgreSQL stores before the year 1, Python can not read back.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo is not None and found.year in YEARS else None
