"""The door of the hub: after a restart thousands of viewers come back at once, and each handshake costs half a millisecond.

So many a second come in, the others wait for their turn; who would wait longer than clients have patience is refused.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic

from schema.operations.errors import Code, refused

Gone = Callable[[], Coroutine[None, None, object]]
"""Returns when the peer is gone; cancelled if its turn comes before that."""


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
    """Gives each handshake a turn, in the order in which they come. Who goes away gives its turn to the next."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._most_waiting = round(rate.per_second * rate.patience_s)
        self._interval = 1.0 / rate.per_second
        self._credit = (rate.burst - 1) * self._interval
        self._next_turn = clock() - self._credit
        self._queue: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def enter(self, gone: Gone) -> None:
        """Return when it is this one's turn, or at once after ``open_wide``.

        Raises Refused (TOO_MANY_VIEWERS) if too many wait already, or if the peer goes away before its turn.
        """
        if not self._queue and self._has_turn():
            return
        if len(self._queue) >= self._most_waiting:
            raise refused(Code.TOO_MANY_VIEWERS, "Too many viewers are coming at this moment: try again later.")
        await self._wait(gone)

    def call(self) -> None:
        """Let those in whose turn has come. The door does this by itself while somebody waits."""
        while self._queue and self._has_turn():
            _wake(self._queue.popitem(last=False)[0])
        self._look_again()

    def open_wide(self) -> None:
        """Let everybody who waits go on at once, to be told that this process is leaving."""
        while self._queue:
            _wake(self._queue.popitem(last=False)[0])

    def _has_turn(self) -> bool:
        """Take a turn, if there is one by now."""
        now = self._clock()
        turn = max(self._next_turn, now - self._credit)
        if turn > now:
            return False
        self._next_turn = turn + self._interval
        return True

    async def _wait(self, gone: Gone) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        leaving = loop.create_task(gone())
        leaving.add_done_callback(lambda _leaving: _wake(turn))
        self._queue[turn] = None
        self._look_again()
        try:
            await turn
            if leaving.done():
                raise refused(Code.TOO_MANY_VIEWERS, "You went away while you waited for your turn.")
        finally:
            leaving.cancel()
            self._queue.pop(turn, None)

    def _look_again(self) -> None:
        """See to it that the next one is called in time."""
        if self._queue and self._timer is None:
            pause = max(0.0, self._next_turn - self._clock())
            self._timer = asyncio.get_running_loop().call_later(pause, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self.call()


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
