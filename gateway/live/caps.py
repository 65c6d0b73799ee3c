"""How much of everything one process shows: so that no environment and no address takes it all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from gateway.live.door import Rate

K = TypeVar("K")

USUAL = Rate()


@dataclass(frozen=True, slots=True)
class Caps:
    """The most of each. The cap of an address is high: a whole campus sits behind one.

    ``anonymous_feeds`` and ``known_feeds``: different live operations of one environment's guests, and of all who are
    logged in there. ``silence_s``: how long a socket may wait with its ``connection_init``, in seconds.
    """

    operations: int = 20
    anonymous_feeds: int = 50
    known_feeds: int = 500
    viewers_per_environment: int = 10_000
    viewers: int = 15_000
    viewers_per_address: int = 2_000
    silence_s: float = 10.0
    handshakes: Rate = USUAL


class Attendance:
    """Who is here, counted: per environment, in all, and per address."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._environments: Counter[UUID] = Counter()
        self._addresses: Counter[str] = Counter()
        self.total = 0

    def full(self, environment_id: UUID, address: str) -> str | None:
        """Which cap one more would pass: ``environment``, else ``total``, else ``address``; None if there is room.

        Any number may come from an empty address, as far as the other caps allow.
        """
        if self._environments[environment_id] >= self._caps.viewers_per_environment:
            return "environment"
        if self.total >= self._caps.viewers:
            return "total"
        if address and self._addresses[address] >= self._caps.viewers_per_address:
            return "address"
        return None

    def enter(self, environment_id: UUID, address: str) -> None:
        """Count one in."""
        self.total += 1
        self._environments[environment_id] += 1
        self._addresses[address] += 1

    def leave(self, environment_id: UUID, address: str) -> None:
        """Count one out."""
        self.total -= 1
        _count_out(self._environments, environment_id)
        _count_out(self._addresses, address)


def _count_out(counted: Counter[K], key: K) -> None:
    counted[key] -= 1
    if counted[key] <= 0:
        del counted[key]
