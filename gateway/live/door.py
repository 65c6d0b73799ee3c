"""The door of the hub: after a restart thousands of viewers come back at once, and each handshake costs half a millisecond.

So many a second come in, the others wait for their turn; who would wait longer than clients have patience is refused. Sites
take turns, so that a storm on one is a wait of moments for the viewers of another.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from schema.operations.errors import Code, Refused, refused

Turn = asyncio.Future[None]
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
    """Gives each handshake a turn: to one site after the other, within a site in the order in which they come.

    Who goes away gives its turn to the next.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._most_waiting = round(rate.per_second * rate.patience_s)
        self._interval = 1.0 / rate.per_second
        self._credit = (rate.burst - 1) * self._interval
        self._next_turn = clock() - self._credit
        self._line = _Line()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._line.length

    async def enter(self, site: UUID, gone: Gone) -> None:
        """Return when it is this one's turn, or at once after ``open_wide``.

        Raises Refused (TOO_MANY_VIEWERS) if too many wait already, unless more of them want another site: then the last
        of those is refused. Also if the peer goes away before its turn.
        """
        if not self._line.length and self._has_turn():
            return
        if self._line.length >= self._most_waiting and not self._line.make_room_for(site):
            raise _too_many()
        await self._wait(site, gone)

    def call(self) -> None:
        """Let those in whose turn has come. The door does this by itself while somebody waits."""
        while self._line.length and self._has_turn():
            _wake(self._line.pop())
        self._look_again()

    def open_wide(self) -> None:
        """Let everybody who waits go on at once, to be told that this process is leaving."""
        while self._line.length:
            _wake(self._line.pop())

    def _has_turn(self) -> bool:
        """Take a turn, if there is one by now."""
        now = self._clock()
        turn = max(self._next_turn, now - self._credit)
        if turn > now:
            return False
        self._next_turn = turn + self._interval
        return True

    async def _wait(self, site: UUID, gone: Gone) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        leaving = loop.create_task(gone())
        leaving.add_done_callback(lambda _leaving: _wake(turn))
        self._line.push(site, turn)
        self._look_again()
        try:
            await turn
            if leaving.done():
                raise refused(Code.TOO_MANY_VIEWERS, "You went away while you waited for your turn.")
        finally:
            leaving.cancel()
            self._line.drop(site, turn)

    def _look_again(self) -> None:
        """See to it that the next one is called in time."""
        if self._line.length and self._timer is None:
            pause = max(0.0, self._next_turn - self._clock())
            self._timer = asyncio.get_running_loop().call_later(pause, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self.call()


class _Line:
    """Who waits, by site. A site whose turn it was goes to the end."""

    def __init__(self) -> None:
        self.length = 0
        self._sites: OrderedDict[UUID, OrderedDict[Turn, None]] = OrderedDict()

    def push(self, site: UUID, turn: Turn) -> None:
        self._sites.setdefault(site, OrderedDict())[turn] = None
        self.length += 1

    def pop(self) -> Turn:
        """The next one. Only while somebody waits."""
        site, turns = self._sites.popitem(last=False)
        turn, _ = turns.popitem(last=False)
        if turns:
            self._sites[site] = turns
        self.length -= 1
        return turn

    def drop(self, site: UUID, turn: Turn) -> None:
        """Forget one, if it is still here."""
        turns = self._sites.get(site)
        if turns is not None and turn in turns:
            del turns[turn]
            self.length -= 1
            if not turns:
                del self._sites[site]

    def make_room_for(self, site: UUID) -> bool:
        """Send away the last one of the site that most wait for; False if that would be unfair to it."""
        fullest = max(self._sites, key=lambda one: len(self._sites[one]))
        if len(self._sites[fullest]) <= len(self._sites.get(site, ())) + 1:
            return False
        turn = next(reversed(self._sites[fullest]))
        self.drop(fullest, turn)
        if not turn.done():
            turn.set_exception(_too_many())
        return True


def _too_many() -> Refused:
    return refused(Code.TOO_MANY_VIEWERS, "Too many viewers are coming at this moment: try again later.")


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
