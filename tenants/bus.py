"""The bus: notes between our processes over Redis. They carry no data and may be lost; everything heals without them.

The only module that knows a channel's name. One connection listens for the whole process.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from time import time
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.kernel.work import Committed

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

log = structlog.get_logger(__name__)

Topics = frozenset[str]


class Note(frozenset[str]):
    """The topics of a note, and when what they tell was committed: seconds since 1970 by the sender's clock."""

    committed_at: float | None = None


PATIENCE_S = 1.0
"""How long a note may hold up whoever sends it."""
FIRST_PAUSE_S = 0.1


class Bus:
    """Publishes notes and calls back on those that arrive. ``run`` must run as a task of the process."""

    def __init__(self, redis_url: str, namespace: str) -> None:
        self._namespace = namespace
        self.redis: Redis = Redis.from_url(redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S)
        # No retries of its own: a lost connection must be noticed here, since notes were lost with it.
        never = Retry(NoBackoff(), 0)
        self._listening: Redis = Redis.from_url(redis_url, socket_connect_timeout=PATIENCE_S, retry=never)
        self._callbacks: dict[str, list[Callable[[Topics], None]]] = defaultdict(list)
        self._reconnected: list[Callable[[], None]] = []
        self._changed = asyncio.Event()
        self.is_connected = False

    async def publish(self, environment_id: UUID, topics: Topics) -> None:
        """Tell every process that these topics of an environment changed. Never raises: a note may be lost."""
        await self._send(self._live(environment_id), topics)

    async def committed(self, committed: Committed) -> None:
        """What ``Work`` calls after a commit: the live topics, and a nudge if it left runs behind."""
        if committed.topics:
            await self.publish(committed.environment_id, committed.topics)
        if committed.has_runs:
            await self.nudge("dispatcher")

    async def nudge(self, whom: str) -> None:
        """Wake everybody who listens under this name (``dispatcher``, ``registry``)."""
        await self._send(self._nudge(whom), frozenset())

    def follow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Call back with the topics of every note of an environment, until ``unfollow``."""
        self._add(self._live(environment_id), callback)

    def unfollow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Stop calling back."""
        channel = self._live(environment_id)
        self._callbacks[channel].remove(callback)
        if not self._callbacks[channel]:
            del self._callbacks[channel]
            self._changed.set()

    def on_nudge(self, whom: str, callback: Callable[[], None]) -> None:
        """Call back on every nudge under this name."""
        self._add(self._nudge(whom), lambda _topics: callback())

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call back each time the connection is there again: notes may have been lost in between."""
        self._reconnected.append(callback)

    async def run(self) -> None:
        """Listen until cancelled; reconnect with a pause that grows to five seconds."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with self._listening.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self._nudge("keepalive"))
                    pause = FIRST_PAUSE_S
                    await _first_failure(self._read(pubsub), self._align(pubsub))
            except (RedisError, OSError) as error:
                self.is_connected = False
                log.warning("bus_lost", error=str(error) or repr(error), retry_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def close(self) -> None:
        """Close the connections."""
        await self._listening.aclose()
        await self.redis.aclose()

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is not None:
                self._deliver(message)

    async def _align(self, pubsub: PubSub) -> None:
        """Keep the subscriptions of a fresh connection equal to what is followed."""
        subscribed: set[str] = set()
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = set(self._callbacks)
            if wanted - subscribed:
                await pubsub.subscribe(*(wanted - subscribed))
            if subscribed - wanted:
                await pubsub.unsubscribe(*(subscribed - wanted))
            subscribed = wanted
            if not self.is_connected:
                self.is_connected = True
                for callback in list(self._reconnected):
                    callback()

    def _deliver(self, message: dict[str, bytes]) -> None:
        channel = message["channel"].decode()
        topics = _read_note(message["data"])
        for callback in list(self._callbacks.get(channel, ())):
            callback(topics)

    def _add(self, channel: str, callback: Callable[[Topics], None]) -> None:
        self._callbacks[channel].append(callback)
        self._changed.set()

    async def _send(self, channel: str, topics: Topics) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                note = {"topics": sorted(topics), "at": round(time(), 3)}
                await self.redis.publish(channel, orjson.dumps(note))
        except (RedisError, OSError) as error:
            log.warning("note_lost", channel=channel, error=repr(error))

    def _live(self, environment_id: UUID) -> str:
        return f"{self._namespace}:live:{environment_id}"

    def _nudge(self, whom: str) -> str:
        return f"{self._namespace}:nudge:{whom}"


def _read_note(data: bytes) -> Note:
    """A note as it was sent; of the release before it is a bare list of topics."""
    said = orjson.loads(data)
    note = Note(said if isinstance(said, list) else said["topics"])
    note.committed_at = None if isinstance(said, list) else said["at"]
    return note


async def _first_failure(*endless: Coroutine[None, None, None]) -> None:
    """Run endless things side by side until one fails, end the others, and raise what it failed with.

    No TaskGroup: in Python 3.11 one leaves its task marked as cancelled after a failure of a child.
    """
    tasks = [asyncio.create_task(one) for one in endless]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
