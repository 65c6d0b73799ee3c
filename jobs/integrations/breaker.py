"""Leaving a failing vendor alone for a while: one breaker for each environment and connection, in this process's memory.

It opens after several failures in a row, and lets a single probe through when its time is over; a success closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from jobs.integrations.faults import VendorFault, VendorPaused

if TYPE_CHECKING:
    from domain.kernel.clock import Clock

FAILURES_ALLOWED = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)

Key = tuple[UUID, str]


@dataclass(slots=True)
class _Trouble:
    failures: int = 0
    pause: timedelta = FIRST_PAUSE
    open_until: datetime | None = None
    asked_to_wait_until: datetime | None = None
    is_probing: bool = False


@dataclass(slots=True)
class Breakers:
    """The connections of this process that are in trouble; all others are not in here."""

    clock: Clock
    _troubles: dict[Key, _Trouble] = field(default_factory=dict)

    @contextmanager
    def guard(self, key: Key, *, by_hand: bool) -> Iterator[None]:
        """Around one call. Raises VendorPaused instead of letting it through while the breaker is open.

        Somebody who pressed RUN wants to know whether the vendor works again: that call is always a probe, unless the
        vendor itself asked us to wait.
        """
        trouble = self._troubles.get(key)
        if trouble is not None:
            self._admit(trouble, by_hand=by_hand)
        try:
            yield
        except VendorFault as fault:
            self._failed(key, fault)
            raise
        else:
            self._troubles.pop(key, None)
        finally:
            if trouble is not None:
                trouble.is_probing = False

    def _admit(self, trouble: _Trouble, *, by_hand: bool) -> None:
        now = self.clock()
        if trouble.asked_to_wait_until is not None and now < trouble.asked_to_wait_until:
            raise _paused("The vendor asked us to wait", trouble.asked_to_wait_until)
        if trouble.open_until is None or by_hand:
            return
        if now < trouble.open_until or trouble.is_probing:
            raise _paused(f"The vendor failed {trouble.failures} times in a row", trouble.open_until)
        trouble.is_probing = True

    def _failed(self, key: Key, fault: VendorFault) -> None:
        trouble = self._troubles.setdefault(key, _Trouble())
        now = self.clock()
        trouble.failures += 1
        if fault.retry_after is not None:
            trouble.asked_to_wait_until = now + fault.retry_after
        if trouble.open_until is not None:
            trouble.pause = min(trouble.pause * 2, LONGEST_PAUSE)
        if trouble.failures >= FAILURES_ALLOWED:
            trouble.open_until = now + trouble.pause


def _paused(reason: str, until: datetime) -> VendorPaused:
    return VendorPaused(f"{reason}; it is not called again before {until:%H:%M:%S} UTC.")
