"""The door of the hub: handshakes wait for their turn, in order, and not for ever."""

import asyncio
from uuid import UUID

import pytest

from gateway.live.caps import Caps
from gateway.live.door import Door, Rate
from schema.operations.errors import Refused
from tests.gateway.asking import LIVE, FakeSocket, connected, scope_of, settled
from tests.gateway.test_sse import streaming
from tests.gateway.toy import MakeToy
from tests.patience import patience

SITE, OTHER = UUID(int=1), UUID(int=2)
SLOW = Caps(handshakes=Rate(per_second=0.001, burst=1, patience_s=2_000))
"""Nobody comes in after the first, whatever the machine, and two may wait."""


class Hands:
    """A clock whose hands a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


class Queue:
    """A door and the peers who come to it, by number."""

    def __init__(self, rate: Rate) -> None:
        self.clock = Hands()
        self.door = Door(rate, self.clock)
        self.came: list[int] = []
        self.gone: dict[int, asyncio.Event] = {}
        self.coming: dict[int, asyncio.Task[None]] = {}

    async def come(self, *numbers: int, site: UUID = SITE) -> None:
        """Let these peers come to a site, one after the other."""
        for number in numbers:
            self.gone[number] = asyncio.Event()
            self.coming[number] = asyncio.ensure_future(self._enter(site, number))
        await settled()

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.door.call()
        await settled()

    async def leave(self, number: int) -> Refused:
        """Let a peer go away while it waits; what it would have been told."""
        self.gone[number].set()
        with pytest.raises(Refused) as refusal:
            await self.coming[number]
        return refusal.value

    async def end(self) -> None:
        """Let everybody in."""
        self.door.open_wide()
        await asyncio.gather(*self.coming.values(), return_exceptions=True)

    async def _enter(self, site: UUID, number: int) -> None:
        await self.door.enter(site, self.gone[number].wait)
        self.came.append(number)


async def test_a_burst_comes_in_at_once_and_the_rest_at_the_rate_in_order() -> None:
    queue = Queue(Rate(per_second=10, burst=3))

    await queue.come(0, 1, 2, 3, 4, 5)
    assert queue.came == [0, 1, 2]
    await queue.later(0.15)
    assert queue.came == [0, 1, 2, 3]
    await queue.later(0.15)
    assert queue.came == [0, 1, 2, 3, 4, 5]


async def test_after_a_quiet_time_a_burst_may_come_again_and_no_more() -> None:
    queue = Queue(Rate(per_second=10, burst=2))
    await queue.come(0, 1)
    queue.clock.now += 1_000

    await queue.come(2, 3, 4)

    assert queue.came == [0, 1, 2, 3]
    await queue.end()


async def test_nobody_is_let_in_before_those_who_wait_already() -> None:
    queue = Queue(Rate(per_second=10, burst=1))
    await queue.come(0, 1)
    queue.clock.now += 0.15

    await queue.come(2)
    assert queue.came == [0]
    await queue.later(0)
    assert queue.came == [0, 1]
    await queue.end()


async def test_who_would_wait_too_long_is_refused() -> None:
    queue = Queue(Rate(per_second=10, burst=1, patience_s=0.2))
    await queue.come(0, 1, 2)

    with pytest.raises(Refused) as refusal:
        await queue.door.enter(SITE, asyncio.Event().wait)

    assert refusal.value.code == "TOO_MANY_VIEWERS"
    assert queue.door.waiting == 2
    await queue.end()


async def test_sites_take_turns_so_that_a_storm_on_one_is_no_wait_for_another() -> None:
    """Once all waited in one line: a flood of one client's site kept every client's viewers out for ten seconds."""
    queue = Queue(Rate(per_second=10, burst=1))
    await queue.come(0, 1, 2, 3, 4)
    await queue.come(10, 11, site=OTHER)

    for _ in range(4):
        await queue.later(0.1001)

    assert queue.came == [0, 1, 10, 2, 11]
    await queue.end()


async def test_a_full_line_refuses_the_last_of_the_site_that_most_wait_for() -> None:
    queue = Queue(Rate(per_second=10, burst=1, patience_s=0.4))
    await queue.come(0, 1, 2, 3, 4)

    await queue.come(10, 11, 12, site=OTHER)
    outcomes = {number: task.exception() for number, task in queue.coming.items() if task.done()}
    assert sorted(number for number, error in outcomes.items() if isinstance(error, Refused)) == [3, 4, 12]
    assert queue.door.waiting == 4

    for _ in range(4):
        await queue.later(0.1001)
    assert queue.came == [0, 1, 10, 2, 11]


async def test_who_goes_away_leaves_the_queue_and_the_next_one_moves_up() -> None:
    queue = Queue(Rate(per_second=10, burst=1, patience_s=0.2))
    await queue.come(0, 1, 2)

    assert (await queue.leave(1)).code == "TOO_MANY_VIEWERS"
    assert queue.door.waiting == 1
    await queue.come(3)
    await queue.later(0.15)
    assert queue.came == [0, 2]
    await queue.later(0.15)
    assert queue.came == [0, 2, 3]


async def test_the_door_calls_by_itself() -> None:
    door = Door(Rate(per_second=200, burst=1))
    never = asyncio.Event()

    await asyncio.gather(*(door.enter(SITE, never.wait) for _ in range(4)))

    assert door.waiting == 0


async def test_what_is_beyond_the_queue_is_told_503_before_the_upgrade(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(handshakes=Rate(per_second=0.001, burst=1, patience_s=1_000)))
    async with connected(toy.app):
        waiting, refused = FakeSocket(), FakeSocket()
        serving = asyncio.ensure_future(toy.app(scope_of("websocket"), waiting.receive, waiting.send))
        await settled()
        await toy.app(scope_of("websocket"), refused.receive, refused.send)

        assert waiting.outgoing == []
        assert refused.outgoing[0]["type"] == "websocket.http.response.start"
        assert refused.outgoing[0]["status"] == 503
        assert (b"retry-after", b"5") in refused.outgoing[0]["headers"]
        assert toy.hub.counters.refused == {"door": 1}
        waiting.hang_up()
        await serving


async def test_a_socket_that_hangs_up_while_it_waits_is_not_waited_for(make_toy: MakeToy) -> None:
    toy = make_toy(caps=SLOW)
    async with connected(toy.app):
        waiting = FakeSocket()
        serving = asyncio.ensure_future(toy.app(scope_of("websocket"), waiting.receive, waiting.send))
        await settled()
        assert toy.hub.door.waiting == 1
        waiting.hang_up()
        async with patience():
            await serving

        assert toy.hub.door.waiting == 0
        assert len(toy.hub.viewers) == 1


async def test_a_stream_that_hangs_up_while_it_waits_is_not_waited_for(make_toy: MakeToy) -> None:
    toy = make_toy(caps=SLOW)
    async with streaming(toy, LIVE) as first:
        await first.until(1)
        async with streaming(toy, LIVE):
            await settled()
            assert toy.hub.door.waiting == 1

        assert toy.hub.door.waiting == 0
        assert len(toy.hub.viewers) == 1


async def test_a_drain_sends_away_who_waits_at_the_door(make_toy: MakeToy) -> None:
    toy = make_toy(caps=SLOW)
    async with connected(toy.app) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        socket = FakeSocket()
        serving = asyncio.ensure_future(toy.app(scope_of("websocket"), socket.receive, socket.send))
        async with streaming(toy, LIVE) as stream:
            await settled()
            assert toy.hub.door.waiting == 2

            await toy.hub.drain(0)
            await serving
            await settled()

    assert socket.outgoing[0]["status"] == stream.status == 503
    assert b"RESTARTING" in socket.outgoing[1]["body"]
    assert "RESTARTING" in stream.text
