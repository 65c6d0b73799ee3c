"""How much of this process one environment uses: so that one that is flooded leaves the others as they were.

A bucket of static cost, filled by the second and emptied by operations, and a number of operations in execution. Both are
limits of the tenant's plan, kept by the environment that the host leads to, which no client can invent. What is answered
without an execution (kept answers, states of feeds that are rendered already) costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from enum import IntEnum
from math import ceil
from time import monotonic
from uuid import UUID

from schema.operations.errors import Code, Refused, wire_error
from tenants.environments import Environment
from tenants.plans.catalogue import COMPLETE
from tenants.plans.limits import Limits

OPS = UUID(int=0)
"""Stands for the ops host, which is no environment."""
WAITING = 16
"""So many times the operations in execution may wait for their turn: a page that is opened by many at once is no flood."""
PATIENCE_S = 2.0
MOST = 20_000


class Rank(IntEnum):
    """Whose an operation is. Who stands first here goes first."""

    KNOWN = 0
    """Of somebody who is logged in."""
    COMING = 1
    """A guest's mutation: logging in, before all."""
    GUEST = 2
    """A guest's query or feed."""


LEFT = {Rank.KNOWN: 0.0, Rank.COMING: 0.125, Rank.GUEST: 0.25}
"""The part of the bucket and of the operations that each leaves to those before it: guests alone shut nobody out."""


class Share:
    """What one environment uses. ``begin`` or ``wait``, and if they return then ``end``."""

    __slots__ = ("_clock", "_filled_at", "_saved", "_waiting", "limits", "running")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.running = 0
        self._clock = clock
        self._saved = float(limits.cost_at_once)
        self._filled_at = clock()
        self._waiting: dict[Rank, deque[asyncio.Future[None]]] = {rank: deque() for rank in Rank}

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        return not self.running and self._fill() >= self.limits.cost_at_once

    def begin(self, cost: int, rank: Rank = Rank.KNOWN) -> bool:
        """Begin an operation, if there is room; else it may ``wait``. Raises Refused (COST_SPENT).

        Who has saved anything may spend more than that, and is in debt then: also the largest operation runs some time.
        """
        self._check(rank)
        if self.running >= self._places(rank) or any(self._waiting[one] for one in Rank if one <= rank):
            return False
        self.running += 1
        self._pay(cost)
        return True

    async def wait(self, cost: int, rank: Rank = Rank.KNOWN) -> None:
        """Begin an operation when those before it have ended. Raises Refused (TOO_MANY_AT_ONCE, COST_SPENT)."""
        waiting = self._waiting[rank]
        if len(waiting) >= WAITING * self.limits.operations:
            raise _too_many()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await turn
            self._check(rank)
        except BaseException as error:
            self._give_up(turn, waiting)
            if isinstance(error, TimeoutError):
                raise _too_many() from error
            raise
        self._pay(cost)

    def end(self) -> None:
        """End an operation; its place goes to the one of the first rank that waits longest."""
        self.running -= 1
        for rank, waiting in self._waiting.items():
            while waiting and self.running < self._places(rank):
                turn = waiting.popleft()
                if not turn.done():
                    self.running += 1
                    turn.set_result(None)

    def spend(self, cost: int, rank: Rank) -> None:
        """Pay for what is not counted among the operations in execution. Raises Refused (COST_SPENT)."""
        self._check(rank)
        self._pay(cost)

    def _places(self, rank: Rank) -> int:
        """How many operations may be in execution for one of this rank to join them."""
        most = self.limits.operations
        return max(1, most - ceil(most * LEFT[rank]))

    def _check(self, rank: Rank) -> None:
        saved = self._fill() - self.limits.cost_at_once * LEFT[rank]
        if saved <= 0:
            raise _spent(1 - saved, self.limits.cost_per_second)

    def _pay(self, cost: int) -> None:
        """The debt has an end: a published operation may cost anything, and nobody is shut out for hours by one."""
        self._saved = max(self._saved - cost, -self.limits.cost_at_once)

    def _fill(self) -> float:
        now = self._clock()
        saved = self._saved + (now - self._filled_at) * self.limits.cost_per_second
        most = self.limits.cost_at_once
        self._saved = saved = min(most, saved)
        self._filled_at = now
        return saved

    def _give_up(self, turn: asyncio.Future[None], waiting: deque[asyncio.Future[None]]) -> None:
        """Leave the queue, or give back the place that was just given."""
        if turn.done() and not turn.cancelled():
            self.end()
        else:
            turn.cancel()
            if turn in waiting:
                waiting.remove(turn)


class Shares:
    """The shares of one process. There are no more than environments are known, and idle ones are forgotten."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._shares: dict[UUID, Share] = {}
        self.refused: Counter[str] = Counter()

    def of(self, environment: Environment | None) -> Share:
        """The share of an environment, with the limits that it has now; of the ops host for None."""
        key, limits = (environment.id, environment.tenant.entitled.limits) if environment else (OPS, COMPLETE.limits)
        share = self._shares.get(key)
        if share is None:
            share = self._new(key, limits)
        elif share.limits is not limits:
            share.limits = limits
        return share

    async def begin(self, environment: Environment | None, cost: int, rank: Rank = Rank.KNOWN) -> Share:
        """Begin an operation of an environment, at once or in its turn; the caller ends it. Raises Refused as Share does."""
        share = self.of(environment)
        try:
            if not share.begin(cost, rank):
                await share.wait(cost, rank)
        except Refused as error:
            self.refused[error.code] += 1
            raise
        return share

    def spend(self, environment: Environment | None, cost: int, rank: Rank) -> None:
        """Pay for something that is none of the operations in execution. Raises Refused (COST_SPENT)."""
        try:
            self.of(environment).spend(cost, rank)
        except Refused as error:
            self.refused[error.code] += 1
            raise

    @property
    def count(self) -> int:
        """How many are remembered."""
        return len(self._shares)

    def _new(self, key: UUID, limits: Limits) -> Share:
        if len(self._shares) >= MOST:
            self._shares = {known: share for known, share in self._shares.items() if not share.is_idle}
        share = self._shares[key] = Share(limits, self._clock)
        return share


def _spent(missing: float, per_second: int) -> Refused:
    words = "This site asks more than it may: try again later."
    return _refusal(Code.COST_SPENT, words, ceil(missing / per_second))


def _too_many() -> Refused:
    return _refusal(Code.TOO_MANY_AT_ONCE, "This site asks too much at once: try again in a moment.", 1)


def _refusal(code: Code, words: str, seconds: int) -> Refused:
    error = wire_error(code, words)
    error["extensions"]["retryAfter"] = seconds
    return Refused(error)
