"""A feed: one live operation of one class of viewers, executed once for all of them.

It renders at once when touched, then at most once in an interval; again every 15 s, since notes may be lost and the
clock moves; and it sends nothing that is equal to what was sent before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import time

import structlog

from gateway.live.counters import Counters
from gateway.live.payload import Payload
from gateway.live.turns import RoomTurns
from gateway.live.viewer import Watch
from gateway.live.views import FeedKey
from schema.operations.execution import Answer

log = structlog.get_logger(__name__)

Render = Callable[[], Awaitable[Answer]]
LONGEST_S = 60.0
SLICE = 256
"""States sent without letting anything else run."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two renderings, until a feed renders by itself, and the first pause after a failed one."""

    conflate: float = 0.2
    refresh: float = 15.0
    retry: float = 1.0


class Feed:
    """One shared live execution and who watches it.

    The hub makes it with the first viewer and ends it a pause after the last, so that coming and going makes nothing
    render more often. ``turns`` bounds how many feeds render at once.
    """

    def __init__(
        self,
        key: FeedKey,
        render: Render,
        pace: Pace,
        counters: Counters,
        *,
        turns: RoomTurns,
        topics: frozenset[str],
        when_refused: Callable[[Feed], None],
    ) -> None:
        self.key = key
        self.topics = topics
        self.watches: dict[Watch, None] = {}
        self.payload: Payload | None = None
        self.version = 0
        self.is_fresh = False
        self._render = render
        self._pace = pace
        self._counters = counters
        self._turns = turns
        self._when_refused = when_refused
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_touched = False
        self._is_expired = False
        self._shows_failure = False
        self._began = float("-inf")
        self._failures = 0
        self._has_ended = False
        self._oldest_commit: float | None = None

    def join(self, watch: Watch) -> None:
        """Let a viewer watch: it gets the state at once if there is one, else with the rendering that is under way."""
        self.watches[watch] = None
        self._stay()
        if self.is_fresh:
            watch.offer()
        elif self._task is None:
            self.touch()

    def touch(self, committed_at: float | None = None) -> None:
        """Something changed: render at once, or as soon as the interval since the last rendering is over.

        ``committed_at`` is when it was committed, in seconds since 1970, where that is known.
        """
        if self._oldest_commit is None:
            self._oldest_commit = committed_at
        if self._is_touched:
            self._counters.conflated += 1
            return
        self._is_touched = True
        if self._task is None:
            self._schedule(self._began + self._pace.conflate)

    def expire(self) -> None:
        """The state may be of another place by now: joiners wait for a rendering that begins after this."""
        self.is_fresh = False
        self._is_expired = True
        self.touch()

    def rest(self, end: Callable[[], None]) -> None:
        """Nobody watches: call ``end`` after the pause between two renderings, unless somebody joins before."""
        self._stay()
        self._ending = self._loop.call_later(self._pace.conflate, end)

    def end(self) -> None:
        """Stop rendering for good. What is being rendered is finished for nobody: it holds a connection of the pool."""
        self._has_ended = True
        self._stay()
        if self._timer is not None:
            self._timer.cancel()

    def _stay(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _schedule(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._has_ended:
            return
        if at <= self._loop.time():
            self._start()
        else:
            self._timer = self._loop.call_at(at, self._start)

    def _start(self) -> None:
        self._timer = None
        self._is_touched = self._is_expired = False
        self._began = self._loop.time()
        self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        committed_at, self._oldest_commit = self._oldest_commit, None
        try:
            async with self._turns:
                if self._has_ended:  # while it waited
                    return
                answer = await self._render()
            self._counters.render_seconds.add(self._loop.time() - self._began)
            await self._take(answer)
            if committed_at is not None and not answer.is_faulty:
                self._measure(time() - committed_at)
        except Exception as error:  # a renderer answers with errors; this is a mistake in our own code
            log.exception("feed failed", error=repr(error))
            self._failures += 1
        finally:
            self._task = None
        self._schedule(self._next())

    def _measure(self, seconds: float) -> None:
        """Clocks of two machines may differ: a moment before the commit is none, and what is absurd is not counted."""
        if seconds < LONGEST_S:
            self._counters.commit_to_socket_seconds.add(max(0.0, seconds))

    def _next(self) -> float:
        """When to render again: soon after a touch, later after a failure, else by the refresh, spread by chance."""
        if self._is_touched:
            return self._began + self._pace.conflate
        if self._failures:
            return self._began + min(self._pace.retry * 2.0 ** (self._failures - 1), self._pace.refresh)
        return self._began + self._pace.refresh * random.uniform(0.9, 1.0)  # noqa: S311 - a spread, no secret

    async def _take(self, answer: Answer) -> None:
        self._counters.executions += 1
        if self._has_ended:
            return
        if answer.is_final:
            self._refuse(answer)
        elif answer.is_faulty:
            await self._fail(answer)
        else:
            self._failures = 0
            self._shows_failure = False
            self.is_fresh = not self._is_expired
            await self._publish(answer.to_json())

    async def _publish(self, body: bytes) -> None:
        if self.payload is not None and self.payload.body == body:
            self._counters.unchanged += 1
        else:
            self.payload = Payload.of(body)
            self.version += 1
        await self._spread()

    async def _fail(self, answer: Answer) -> None:
        """Who has a state keeps it; who has none is told once, and gets the state when there is one."""
        self._counters.failed += 1
        self._failures += 1
        if self.payload is None:
            self._shows_failure = True
            await self._publish(answer.to_json())
        elif self._shows_failure:
            await self._spread()

    async def _spread(self) -> None:
        """Offer the newest state to everybody; a viewer that has it is passed over."""
        for position, watch in enumerate(list(self.watches), start=1):
            watch.offer()
            if position % SLICE == 0:
                await asyncio.sleep(0)

    def _refuse(self, answer: Answer) -> None:
        """The operation will never start: everybody is told, and the feed is over."""
        self._has_ended = True
        self._when_refused(self)
        watches, self.watches = self.watches, {}
        for watch in watches:
            watch.viewer.refuse(watch, answer.errors)
