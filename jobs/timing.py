"""How long things take here: leases, re-sending, waiting. One frozen value, so that tests can be quick."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from tenants.settings import Settings


@dataclass(frozen=True, slots=True)
class Timing:
    """Every duration of claims, dispatching and stopping.

    ``lease`` is how long a silent worker keeps its run; it is renewed three times in it. ``resend_after`` is how long a
    message may stay unanswered before the run is sent again (the message may be lost). ``grace`` is how long a stopping
    worker lets its runs finish before it takes them down. ``crash_pause`` is waited after each crash of a run.
    """

    lease: timedelta = timedelta(seconds=30)
    resend_after: timedelta = timedelta(seconds=20)
    poll: timedelta = timedelta(seconds=1)
    grace: timedelta = timedelta(seconds=10)
    crash_pause: timedelta = timedelta(seconds=5)
    log_flush: timedelta = timedelta(seconds=1)
    longest_backoff: timedelta = timedelta(seconds=10)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The timing of a deployment: what may be lost is sent again a little before a lease would be over."""
        lease = timedelta(seconds=settings.lease_s)
        return cls(lease=lease, resend_after=lease * 2 / 3, grace=timedelta(seconds=settings.grace_s))


DEFAULT_TIMING = Timing()
