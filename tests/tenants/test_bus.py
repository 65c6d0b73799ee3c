"""Notes between processes: delivered to who follows, lost without harm, and noticed when the connection returns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import time
from uuid import UUID, uuid4

import pytest

from domain.kernel.work import Committed
from opscom.embedded.valkey import EmbeddedValkey
from tenants.bus import Bus, Note
from tests.patience import patience


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    """A listening bus with a namespace of its own."""
    async with asyncio.TaskGroup() as tasks:
        bus = Bus(redis_url, f"bus-{uuid4()}")
        task = tasks.create_task(bus.run())
        yield bus
        task.cancel()
    await bus.close()


async def _heard(queue: asyncio.Queue[frozenset[str]]) -> frozenset[str]:
    async with patience():
        return await queue.get()


async def _connected(bus: Bus) -> None:
    ready = asyncio.Event()
    bus.on_reconnect(ready.set)
    if not bus.is_connected:
        async with patience():
            await ready.wait()


async def _publish_until(bus: Bus, environment_id: UUID, queue: asyncio.Queue[frozenset[str]]) -> frozenset[str]:
    """A note sent before Redis took the subscription is lost by design, so it is sent until it is heard."""
    for _attempt in range(200):
        await bus.publish(environment_id, frozenset({"occupancy"}))
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                return await queue.get()
    pytest.fail("no note arrived")


async def test_a_note_reaches_who_follows_the_environment_and_nobody_else(bus: Bus) -> None:
    mine, other = uuid4(), uuid4()
    heard: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    elsewhere: list[frozenset[str]] = []
    bus.follow(mine, heard.put_nowait)
    bus.follow(other, elsewhere.append)

    assert await _publish_until(bus, mine, heard) == {"occupancy"}
    assert elsewhere == []


async def test_a_note_tells_when_its_change_was_committed_and_one_of_the_release_before_does_not(bus: Bus) -> None:
    mine, heard = uuid4(), asyncio.Queue[frozenset[str]]()
    bus.follow(mine, heard.put_nowait)
    before = round(time(), 3)
    new = await _publish_until(bus, mine, heard)
    await bus.redis.publish(f"{bus._namespace}:live:{mine}", '["occupancy"]')  # noqa: SLF001 - the channel is no promise
    async with patience():
        while isinstance(old := await heard.get(), Note) and old.committed_at is not None:
            pass

    assert isinstance(new, Note)
    assert new.committed_at is not None
    assert before <= new.committed_at <= time() + 0.001
    assert old == {"occupancy"}


async def test_after_unfollow_no_note_arrives(bus: Bus) -> None:
    mine, witness = uuid4(), uuid4()
    left: list[frozenset[str]] = []
    seen: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    bus.follow(mine, left.append)
    bus.follow(witness, seen.put_nowait)
    await _publish_until(bus, witness, seen)

    bus.unfollow(mine, left.append)
    await bus.publish(mine, frozenset({"occupancy"}))
    await _publish_until(bus, witness, seen)

    assert left == []


async def test_a_commit_nudges_the_dispatcher_only_if_it_left_runs(bus: Bus) -> None:
    nudged: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    bus.on_nudge("dispatcher", lambda: nudged.put_nowait(frozenset()))
    witness: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    followed = uuid4()
    bus.follow(followed, witness.put_nowait)
    await _publish_until(bus, followed, witness)

    await bus.committed(Committed(followed, frozenset({"occupancy"}), has_runs=False))
    await _heard(witness)
    assert nudged.empty()
    await bus.committed(Committed(followed, frozenset(), has_runs=True))

    assert await _heard(nudged) == frozenset()


async def test_a_restarted_redis_is_found_again_and_announced(own_valkey: EmbeddedValkey) -> None:
    bus = Bus(own_valkey.url, "restart")
    task = asyncio.create_task(bus.run())
    await _connected(bus)
    returned = asyncio.Event()
    bus.on_reconnect(returned.set)

    own_valkey.restart()
    async with patience():
        await returned.wait()

    heard: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    environment_id = uuid4()
    bus.follow(environment_id, heard.put_nowait)
    assert await _publish_until(bus, environment_id, heard) == {"occupancy"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()


async def test_publishing_without_redis_loses_the_note_and_raises_nothing(own_valkey: EmbeddedValkey) -> None:
    bus = Bus(own_valkey.url, "gone")
    own_valkey.stop()

    await bus.publish(uuid4(), frozenset({"occupancy"}))

    await bus.close()
