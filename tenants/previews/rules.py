"""When a preview space is warned of and deleted: pure rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

UNUSED_FOR = timedelta(days=7)
WARNED_BEFORE = timedelta(days=1)
REMINDED_EVERY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of the use of a preview. ``expires_at`` is the date that staff set, if they did."""

    created_at: datetime
    copied_at: datetime | None
    last_login_at: datetime | None
    expires_at: datetime | None
    is_locked: bool


def ends_at(use: Use) -> datetime | None:
    """When the preview is deleted; None while it is locked. A date of the staff's counts instead of seven days unused."""
    if use.is_locked:
        return None
    if use.expires_at is not None:
        return use.expires_at
    touched = (use.created_at, use.copied_at, use.last_login_at)
    return max(moment for moment in touched if moment is not None) + UNUSED_FOR


def is_over(use: Use, now: datetime) -> bool:
    """Whether it is time to delete."""
    end = ends_at(use)
    return end is not None and end <= now


def is_to_be_warned(use: Use, warned_at: datetime | None, now: datetime) -> bool:
    """Whether its people are to be told now: once within the last day; of a lock, every week."""
    end = ends_at(use)
    if end is None:
        return warned_at is None or now - warned_at >= REMINDED_EVERY
    return end - WARNED_BEFORE <= now and (warned_at is None or warned_at < end - WARNED_BEFORE)
