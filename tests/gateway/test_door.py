"""The door of the hub: handshakes wait for their turn, in order, and not for ever."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.live.caps import Caps
from gateway.live.door import Door, Rate
from schema.operations.errors import Refused
from tests.gateway.asking import LIVE, FakeSocket, connected, scope_of, settled
from tests.gateway.toy import MakeToy


class Standing:
    """A clock that stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def test_a_burst_comes_in_at_once_and_the_rest_wait_in_order() -> None:
    door, came = Door(Rate(per_second=200, burst=3), Standing()), list[int]()

    async def come(number: int) -> None:
        await door.enter()
        came.append(number)

    coming = [asyncio.ensure_future(come(number)) for number in range(6)]
    await asyncio.sleep(0)
    at_once = list(came)
    await asyncio.gather(*coming)

    assert at_once == [0, 1, 2]
    assert came == [0, 1, 2, 3, 4, 5]


async def test_after_a_quiet_time_a_burst_may_come_again_and_no_more() -> None:
    clock = Standing()
    door = Door(Rate(per_second=10, burst=2), clock)
    for _ in range(2):
        await door.enter()
    clock.now += 1_000
    coming = [asyncio.ensure_future(door.enter()) for _ in range(3)]
    await asyncio.sleep(0)

    assert [task.done() for task in coming] == [True, True, False]
    door.open_wide()
    await asyncio.gather(*coming)


async def test_who_would_wait_too_long_is_refused() -> None:
    door = Door(Rate(per_second=10, burst=1, patience_s=0.2), Standing())
    coming = [asyncio.ensure_future(door.enter()) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(Refused) as error:
        await door.enter()
    assert error.value.code == "TOO_MANY_VIEWERS"
    assert door.waiting == 2
    await asyncio.gather(*coming)


async def test_who_hangs_up_waits_no_more() -> None:
    door = Door(Rate(per_second=1, burst=1), Standing())
    await door.enter()
    waiting = asyncio.ensure_future(door.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert door.waiting == 0


async def test_a_storm_of_sockets_waits_and_what_is_beyond_is_told_503_before_the_upgrade(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(handshakes=Rate(per_second=20, burst=1, patience_s=0.1)))
    async with AsyncExitStack() as stack:
        for _ in range(3):
            peer = await stack.enter_async_context(connected(toy.app, init=False))
            peer.say(type="connection_init")
        await settled()
        refused = FakeSocket()
        await toy.app(scope_of("websocket"), refused.receive, refused.send)

        assert refused.outgoing[0]["type"] == "websocket.http.response.start"
        assert refused.outgoing[0]["status"] == 503
        assert (b"retry-after", b"5") in refused.outgoing[0]["headers"]
        assert toy.hub.counters.refused == 1


async def test_a_drain_sends_away_who_waits_at_the_door(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(handshakes=Rate(per_second=0.1, burst=1)))
    async with connected(toy.app) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        waiting = FakeSocket()
        serving = asyncio.ensure_future(toy.app(scope_of("websocket"), waiting.receive, waiting.send))
        await settled()
        assert toy.hub.door.waiting == 1

        await toy.hub.drain(0)
        await serving

    assert waiting.outgoing[0]["status"] == 503
    assert b"RESTARTING" in waiting.outgoing[1]["body"]
