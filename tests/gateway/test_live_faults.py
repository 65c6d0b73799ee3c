"""The hub when something is slow, gone, moved or about to end."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from time import monotonic

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.kernel.places import EnvironmentBusy
from gateway.live.feed import Pace
from gateway.live.hub import BEHIND_S
from tenants.environments import State
from tests.gateway.asking import LIVE, FakeSocket, connected, feeds_left, scope_of, settled, watching
from tests.gateway.toy import MakeToy, Toy
from tests.patience import comes_about


async def test_a_feed_renders_by_itself_after_a_while(make_toy: MakeToy) -> None:
    """A lost note, staleness and the clock need no other care."""
    toy = make_toy(pace=Pace(conflate=0.01, refresh=0.05))
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.world.count = 7
        await peer.until(3)

        assert peer.states("a")[-1] == {"data": {"state": {"count": 7}}}


async def test_after_a_lost_bus_every_feed_is_rendered_again(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        (other,) = await watching(stack, toy, 1, "subscription { state { count pad } }")
        toy.world.count = 7
        for callback in toy.notes.reconnected:
            callback()
        await asyncio.gather(peer.until(3), other.until(3))

        assert peer.states("a")[-1] == {"data": {"state": {"count": 7}}}
        assert other.states("a")[-1] == {"data": {"state": {"count": 7, "pad": ""}}}


async def test_a_slow_viewer_holds_nobody_up_and_then_gets_the_newest_state(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        slow, quick = await watching(stack, toy, 2)
        slow.gate.clear()
        for count in range(2, 5):
            toy.change()
            await quick.until(count + 1)
        assert len(slow.states("a")) == 1
        assert toy.hub.counters.behind == 2

        slow.gate.set()
        await slow.until(4)
        await settled()

        assert [s["data"]["state"]["count"] for s in quick.states("a")] == [0, 1, 2, 3]
        assert [s["data"]["state"]["count"] for s in slow.states("a")] == [0, 1, 3]


async def test_a_viewer_behind_for_too_long_is_dismissed(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        slow, quick = await watching(stack, toy, 2)
        began = monotonic()
        slow.gate.clear()
        toy.change()
        await quick.until(3)
        toy.change()
        await quick.until(4)
        toy.hub.tick(began + BEHIND_S - 1)
        assert len(toy.hub.viewers) == 2
        toy.hub.tick(monotonic() + BEHIND_S + 1)

        assert len(toy.hub.viewers) == 1
        assert toy.hub.counters.ended["too slow"] == 1


async def test_a_viewer_that_heard_nothing_for_long_hears_a_pong(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        began = monotonic()
        (peer,) = await watching(stack, toy, 1)
        toy.hub.tick(began + 10)
        assert len(peer.said()) == 2
        toy.hub.tick(monotonic() + 26)

        assert peer.said()[-1] == {"type": "pong"}


async def test_a_peer_that_is_gone_in_the_middle_of_a_state_is_forgotten(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        lost, other = await watching(stack, toy, 2)

        async def broken(_message: object) -> None:
            raise OSError

        viewer = next(v for v in toy.hub.viewers)
        viewer.outlet._send = broken  # type: ignore[attr-defined]  # noqa: SLF001 - the peer's end breaks
        toy.change()
        await comes_about(lambda: len(toy.hub.viewers) == 1)

        await comes_about(lambda: {len(lost.states("a")), len(other.states("a"))} == {1, 2})


async def test_viewers_keep_their_state_while_the_database_is_away_and_get_the_new_one_afterwards(
    make_toy: MakeToy,
) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=0.02))
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.world.is_broken = True
        toy.change()
        await comes_about(lambda: toy.hub.counters.failed > 1)
        assert len(peer.states("a")) == 1
        toy.world.is_broken = False
        await peer.until(3)

        assert peer.states("a")[-1] == {"data": {"state": {"count": 1}}}


async def test_one_who_joins_while_the_database_is_away_is_told_once_and_gets_the_state_afterwards(
    make_toy: MakeToy,
) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=0.02))
    toy.world.is_broken = True
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        await comes_about(lambda: toy.hub.counters.failed > 1)
        assert [state["errors"][0]["extensions"]["code"] for state in peer.states("a")] == ["INTERNAL"]
        toy.world.is_broken = False
        await peer.until(3)

        assert peer.states("a")[-1] == {"data": {"state": {"count": 0}}}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (PoolTimeout("QueuePool limit reached"), "unavailable"),
        (OperationalError("select 1", {}, OSError("refused")), "unavailable"),
        (EnvironmentBusy("This site is busy; try again in a moment."), "environment.busy"),
    ],
)
async def test_a_feed_tries_again_when_the_database_was_full_or_away(
    make_toy: MakeToy, fault: Exception, code: str
) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=0.02))
    toy.world.fault = fault
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        await comes_about(lambda: toy.hub.counters.failed > 1)
        assert [state["errors"][0]["extensions"]["code"] for state in peer.states("a")] == [code]
        toy.world.fault = None
        await peer.until(3)

        assert peer.states("a")[-1] == {"data": {"state": {"count": 0}}}


async def test_an_environment_that_moved_is_rendered_anew_before_anybody_joins_on_old_bytes(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (first,) = await watching(stack, toy, 1)
        toy.world.count = 5
        toy.sites.put(replace(toy.environment, schema="s_000002"))
        (second,) = await watching(stack, toy, 1)
        await first.until(3)

        assert second.states("a") == [{"data": {"state": {"count": 5}}}]
        assert first.states("a")[-1] == {"data": {"state": {"count": 5}}}


async def test_a_socket_that_watches_nothing_is_sent_away_too_when_its_environment_is_suspended(toy: Toy) -> None:
    """It could go on with queries and mutations: who asks there was decided at the handshake."""
    async with connected(toy.app) as peer:
        toy.sites.put(replace(toy.environment, state=State.SUSPENDED))
        toy.hub.tick(monotonic())

        assert await peer.closed() == 1012


async def test_one_who_asks_to_watch_where_it_has_just_been_closed_is_sent_away_and_leaves_nothing(toy: Toy) -> None:
    """Its feed was once opened after it had been sent away, and rendered for nobody for ever."""
    async with connected(toy.app) as peer:
        toy.sites.put(replace(toy.environment, state=State.SUSPENDED))
        peer.subscribe("a", LIVE)

        assert await peer.closed() == 1012
    assert peer.outgoing[-1]["type"] == "websocket.close"
    assert not toy.hub.feeds
    assert not toy.notes.callbacks


async def test_viewers_of_an_environment_that_is_suspended_are_sent_away(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.sites.put(replace(toy.environment, state=State.SUSPENDED))
        toy.hub.tick(monotonic())

        assert await peer.closed() == 1012
        await feeds_left(toy)


async def test_a_drain_sends_everybody_away_in_slices_and_lets_nobody_in(make_toy: MakeToy) -> None:
    toy = make_toy()
    async with AsyncExitStack() as stack:
        peers = await watching(stack, toy, 12)
        draining = asyncio.create_task(toy.hub.drain(1.0))
        await settled()
        gone = 12 - len(toy.hub.viewers)
        late = FakeSocket()
        await toy.app(scope_of("websocket"), late.receive, late.send)
        await draining

        assert 0 < gone < 12
        assert {await peer.closed() for peer in peers} == {1012}
        assert not any(message["type"] == "complete" for peer in peers for message in peer.said())
        assert late.outgoing[0]["status"] == 503


async def test_everybody_who_joins_while_the_database_is_away_is_told(make_toy: MakeToy) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=60))
    toy.world.is_broken = True
    async with AsyncExitStack() as stack:
        for _ in range(2):
            (peer,) = await watching(stack, toy, 1)
            assert peer.states("a")[0]["errors"][0]["extensions"]["code"] == "INTERNAL"
