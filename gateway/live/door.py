"""The door of the hub: after a restart thousands of viewers come back at once, and each handshake costs half a millisecond.

So many a second come in, the others wait for their turn; who would wait longer than clients have patience is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from schema.operations.errors import Code, refused


@dataclass(frozen=True, slots=True)
class Rate:
    """Handshakes a second, how many may come at once after a quiet time, and the longest wait in seconds.

    ``per_second`` times ``patience_s`` is the length of the queue. Clients of ``graphql-ws`` give up after five refusals,
    so waiting is kinder than refusing.
    """

    per_second: float = 300.0
    burst: int = 300
    patience_s: float = 10.0


class Door:
    """Gives each handshake a turn, in the order in which they come."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._interval = 1.0 / rate.per_second
        self._credit = (rate.burst - 1) * self._interval
        self._next_turn = clock() - self._credit
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Return when it is this one's turn, or at once after ``open_wide``. Raises Refused (TOO_MANY_VIEWERS)."""
        now = self._clock()
        turn = max(self._next_turn, now - self._credit)
        if turn - now > self._rate.patience_s:
            raise refused(Code.TOO_MANY_VIEWERS, "Too many viewers are coming at this moment: try again later.")
        self._next_turn = turn + self._interval
        if turn > now:
            await self._wait(turn - now)

    def open_wide(self) -> None:
        """Let everybody who waits go on at once, to be told that this process is leaving."""
        for turn in self._waiting:
            _call(turn)

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _call, turn)
        self._waiting.add(turn)
        try:
            await turn
        finally:
            timer.cancel()
            self._waiting.discard(turn)


def _call(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
