"""A viewer: one socket or stream that watches feeds. It is never waited for.

A viewer that does not keep up is marked behind, one bit a feed, and gets the newest state when it can take it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from gateway.asgi import Message
from gateway.live.counters import Counters
from gateway.live.payload import Payload
from schema.operations.errors import WireError

if TYPE_CHECKING:
    from gateway.live.feed import Feed
    from gateway.live.views import View


class Outlet(Protocol):
    """The way out to the peer (``outlet``)."""

    @property
    def is_busy(self) -> bool:
        """Whether nothing more may be written now."""
        ...

    def write(self, message: Message) -> None:
        """Write a message; only while not busy."""
        ...

    def cut(self) -> None:
        """Give up what is on its way."""
        ...


class Watch:
    """One viewer watching one feed under the name it chose. ``view`` is what it asked for, as the person it is."""

    __slots__ = ("feed", "known_tag", "name", "prefix", "sent", "view", "viewer")

    def __init__(
        self, viewer: Viewer, feed: Feed, view: View, name: str, *, prefix: bytes = b"", known_tag: str | None = None
    ) -> None:
        """``prefix`` begins each message; ``known_tag`` is the state the viewer says it has already."""
        self.viewer = viewer
        self.view = view
        self.feed = feed
        self.name = name
        self.prefix = prefix
        self.known_tag = known_tag
        self.sent = 0

    def offer(self) -> None:
        """Send the newest state, unless the viewer has it."""
        feed = self.feed
        if self.sent == feed.version or feed.payload is None:
            return
        if self.known_tag is not None and self.known_tag == feed.payload.tag:
            self.sent = feed.version
            return
        self.known_tag = None
        self.viewer.offer(self, feed.payload)


class Viewer(ABC):
    """What sockets and streams have in common. The hub keeps it; its transport ends it."""

    silence_s: float
    """After so many seconds without a word the hub lets it say something."""
    transport: str
    """What metrics call it: ``websocket`` or ``sse``."""
    outlet: Outlet
    """The way out. An attribute, since it is looked at for each viewer and state."""

    def __init__(self, environment_id: UUID, address: str, counters: Counters) -> None:
        self.environment_id = environment_id
        self.address = address
        self.watches: dict[str, Watch] = {}
        self.last_write = monotonic()
        self.behind_since: float | None = None
        self.has_ended = False
        self._counters = counters
        self._behind: dict[Watch, None] = {}
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False

    @abstractmethod
    def state_message(self, watch: Watch, payload: Payload) -> Message:
        """A state as the transport's message."""

    @abstractmethod
    def heartbeat(self) -> Message:
        """Something to say when there is nothing to say."""

    @abstractmethod
    def refuse(self, watch: Watch, errors: Sequence[WireError]) -> None:
        """Tell the viewer that an operation of its ended with errors."""

    @abstractmethod
    def farewell(self, code: int, reason: str) -> Message:
        """The transport's last message."""

    async def stay(self, listening: Awaitable[None]) -> None:
        """Listen to the peer until it goes or ``close`` ends this."""
        self._listener = task = asyncio.current_task()
        try:
            await listening
        except asyncio.CancelledError:
            if not self._is_closing or task is None:
                raise
            task.uncancel()
        finally:
            self._listener = None

    def close(self, code: int, reason: str) -> None:
        """End the viewer with the transport's last word, which one that does not listen will not hear."""
        self.end_with(self.farewell(code, reason))

    def end_with(self, message: Message) -> None:
        """Say this at last and stop listening; doing it twice is no harm."""
        if self._is_closing:
            return
        self._is_closing = True
        if self.outlet.is_busy:
            self.outlet.cut()
        else:
            self.outlet.write(message)
        if self._listener is not None and self._listener is not asyncio.current_task():
            self._listener.cancel()

    def offer(self, watch: Watch, payload: Payload) -> None:
        """Send a state now, or remember that the viewer is behind on this feed."""
        if self.has_ended:
            return
        if self.outlet.is_busy:
            self._behind[watch] = None
            self._counters.behind += 1
            if self.behind_since is None:
                self.behind_since = monotonic()
            return
        watch.sent = watch.feed.version
        self._counters.sent += 1
        self._counters.sent_bytes += len(payload.body)
        self.last_write = monotonic()
        self.write_state(watch, payload)

    def write_state(self, watch: Watch, payload: Payload) -> None:
        """Write a state; only while the outlet is not busy."""
        self.outlet.write(self.state_message(watch, payload))

    def say(self, message: Message) -> None:
        """Write a message that may be lost if the viewer is behind."""
        if not self.outlet.is_busy and not self.has_ended:
            self.last_write = monotonic()
            self.outlet.write(message)

    def caught_up(self) -> None:
        """The outlet is clear again: send what the viewer is behind on, newest state only."""
        self.behind_since = None
        behind, self._behind = self._behind, {}
        for watch in behind:
            if self.watches.get(watch.name) is watch:  # its name may be another watch's by now
                watch.offer()
