"""A room: the feeds of one environment, and the one callback by which the bus wakes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from domain.kernel.actor import ActorKind
from gateway.live.access import Watchmen
from gateway.live.caps import Caps
from gateway.live.feed import Feed
from gateway.live.turns import RoomTurns
from gateway.live.views import FeedKey
from tenants.environments import Environment

Topics = frozenset[str]


class Environments(Protocol):
    """The part of the registry that the hub asks (``tenants.registry.directory.Registry``)."""

    @property
    def version(self) -> int:
        """Rises with every change."""
        ...

    def by_id(self, environment_id: UUID) -> Environment | None:
        """The environment as it is now, or None."""
        ...


class Notes(Protocol):
    """The part of the bus that the hub listens to (``tenants.bus.Bus``)."""

    def follow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Call back with the topics of every note of an environment."""
        ...

    def unfollow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Stop calling back."""
        ...

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call back when notes may have been lost."""
        ...


class Room:
    """The feeds of one environment. Its notes are followed as long as there is one."""

    def __init__(self, environment: Environment, watchmen: Watchmen, turns: RoomTurns) -> None:
        self.environment = environment
        self.turns = turns
        self._watchmen = watchmen
        self.feeds: dict[Feed, None] = {}
        self.anonymous = 0
        self._callback = self._noted

    def is_full(self, key: FeedKey, caps: Caps) -> bool:
        """Whether one more feed of this kind would be too many."""
        if key.actor.kind is ActorKind.GUEST:
            return self.anonymous >= caps.anonymous_feeds
        return len(self.feeds) - self.anonymous >= caps.known_feeds

    def add(self, feed: Feed) -> None:
        """Take a feed in."""
        self.feeds[feed] = None
        self.anonymous += feed.key.actor.kind is ActorKind.GUEST

    def remove(self, feed: Feed) -> None:
        """Let a feed go."""
        del self.feeds[feed]
        self.anonymous -= feed.key.actor.kind is ActorKind.GUEST

    def follow(self, notes: Notes) -> None:
        """Hear the environment's notes."""
        notes.follow(self.environment.id, self._callback)

    def unfollow(self, notes: Notes) -> None:
        """Hear them no more."""
        notes.unfollow(self.environment.id, self._callback)

    def _noted(self, topics: Topics) -> None:
        for feed in list(self.feeds):
            if feed.topics & topics:
                feed.touch(getattr(topics, "committed_at", None))
        self._watchmen.noted(self.environment, topics)
