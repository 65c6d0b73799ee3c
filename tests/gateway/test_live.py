"""The hub: one execution for all viewers of a feed, whoever is slow, whatever is lost."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from time import monotonic

import pytest

from domain.kernel.actor import ActorKind, Permission
from gateway.live.caps import Caps
from gateway.live.feed import Pace
from gateway.live.hub import BEHIND_S
from tenants.environments import State
from tests.gateway.asking import FakeSocket, connected, scope_of, settled
from tests.gateway.toy import MakeToy, Toy, actor_with, environment_at

LIVE = "subscription { state { count } }"


async def watching(stack: AsyncExitStack, toy: Toy, viewers: int, text: str = LIVE, **how: object) -> list[FakeSocket]:
    """So many viewers who have the first state."""
    peers = [await stack.enter_async_context(connected(toy.app, **how)) for _ in range(viewers)]  # type: ignore[arg-type]
    for peer in peers:
        peer.subscribe("a", text)
    for peer in peers:
        await peer.until(2)
    return peers


@pytest.mark.parametrize("viewers", [1, 100, 1_000])
async def test_an_update_is_executed_once_whatever_the_number_of_viewers(toy: Toy, viewers: int) -> None:
    async with AsyncExitStack() as stack:
        peers = await watching(stack, toy, viewers)
        joined = toy.hub.counters.executions
        toy.change()
        for peer in peers:
            await peer.until(3)

        assert joined == 1
        assert toy.hub.counters.executions == 2
        assert toy.world.runs == 2
        assert len(toy.hub.feeds) == 1
        assert all(peer.states("a")[-1] == {"data": {"state": {"count": 1}}} for peer in peers)
        assert toy.hub.counters.sent == 2 * viewers
    assert not toy.hub.viewers
    assert not toy.hub.feeds


async def test_executions_are_the_feeds(toy: Toy) -> None:
    toy.world.actors |= {
        "staff": actor_with(Permission.VIEW_LOTS),
        "colleague": actor_with(Permission.VIEW_LOTS, Permission.VIEW_AUDIT),
        "student": actor_with(kind=ActorKind.USER),
    }
    async with AsyncExitStack() as stack:
        for cookie in ("-", "-", "staff", "colleague", "student", "student"):
            await watching(stack, toy, 3, headers={"cookie": f"toy={cookie}"})
        assert len(toy.hub.feeds) == 3
        toy.change()
        await settled(0.05)

        assert toy.hub.counters.executions == 6


async def test_spacing_comments_id_order_and_undeclared_variables_make_no_other_feed(toy: Toy) -> None:
    text = "subscription($ids: [ID!]) { state(ids: $ids) { count } }"
    async with connected(toy.app) as peer:
        peer.subscribe("1", text, ids=["b", "a"])
        peer.subscribe("2", text.replace(" ", "  ") + " # hello", ids=["a", "b", "a"])
        peer.subscribe("3", text, ids=["a", "b"], junk=1)
        await peer.until(4)

        assert len(toy.hub.feeds) == 1
        peer.subscribe("4", text, ids=["a"])
        await peer.until(5)
        assert len(toy.hub.feeds) == 2


async def test_an_operation_about_the_person_is_not_shared(toy: Toy) -> None:
    toy.world.actors |= {"ann": actor_with(), "bob": actor_with()}
    text = "subscription { state { ... on LiveState { viewer } } }"
    async with AsyncExitStack() as stack:
        for name in ("ann", "ann", "bob"):
            (peer,) = await watching(stack, toy, 1, text, headers={"cookie": f"toy={name}"})
            assert peer.states("a") == [{"data": {"state": {"viewer": str(toy.world.actors[name].user_id)}}}]

        assert len(toy.hub.feeds) == 3


async def test_a_joiner_gets_the_state_from_bytes_that_are_there(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        await watching(stack, toy, 1)
        await watching(stack, toy, 5)

        assert toy.hub.counters.executions == 1


async def test_many_notes_are_rendered_at_once_and_then_once_in_the_interval(make_toy: MakeToy) -> None:
    toy = make_toy(pace=Pace(conflate=0.2))
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        await settled(0.25)
        before = monotonic()
        for _ in range(50):
            toy.change()
        await peer.until(3)
        leading = monotonic() - before
        for _ in range(50):
            toy.change()
        await peer.until(4)

        assert leading < 0.15
        assert monotonic() - before >= 0.19
        assert [state["data"]["state"]["count"] for state in peer.states("a")] == [0, 50, 100]
        assert toy.hub.counters.executions == 3
        assert toy.hub.counters.conflated == 98


async def test_equal_bytes_are_not_sent(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.change(count=0)
        await settled(0.05)

        assert toy.hub.counters.unchanged == 1
        assert len(peer.states("a")) == 1


async def test_a_note_about_something_else_renders_nothing(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        await watching(stack, toy, 1)
        toy.notes.publish(toy.environment.id, frozenset({"permits"}))
        await settled(0.05)

        assert toy.hub.counters.executions == 1


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
        toy.world.count = 7
        for callback in toy.notes.reconnected:
            callback()
        await peer.until(3)

        assert peer.states("a")[-1] == {"data": {"state": {"count": 7}}}


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
        slow.gate.clear()
        toy.change()
        await quick.until(3)
        toy.change()
        await quick.until(4)
        toy.hub.tick(monotonic() + BEHIND_S - 1)
        assert len(toy.hub.viewers) == 2
        toy.hub.tick(monotonic() + BEHIND_S + 1)

        assert len(toy.hub.viewers) == 1
        assert toy.hub.counters.ended["too slow"] == 1


async def test_a_viewer_that_heard_nothing_for_long_hears_a_pong(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.hub.tick(monotonic() + 10)
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
        await settled(0.05)

        assert len(toy.hub.viewers) == 1
        assert {len(lost.states("a")), len(other.states("a"))} == {1, 2}


async def test_too_many_anonymous_views_are_refused_and_the_others_live_on(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(anonymous_feeds=2))
    toy.world.actors["ann"] = actor_with(kind=ActorKind.USER)
    async with connected(toy.app) as peer, connected(toy.app, {"cookie": "toy=ann"}) as ann:
        for number in range(3):
            peer.subscribe(str(number), f"subscription {{ state(pad: {number}) {{ pad }} }}")
        said = await peer.until(4)
        peer.subscribe("again", "subscription { state(pad: 0) { pad } }")
        await peer.until(5)
        ann.subscribe("a", "subscription { state(pad: 9) { pad } }")
        await ann.until(2)

    assert [m["payload"][0]["extensions"]["code"] for m in said if m["type"] == "error"] == ["TOO_MANY_VIEWS"]
    assert len(peer.states("again")) == 1
    assert len(ann.states("a")) == 1


async def test_viewers_keep_their_state_while_the_database_is_away_and_get_the_new_one_afterwards(
    make_toy: MakeToy,
) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=0.02))
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.world.is_broken = True
        toy.change()
        await settled(0.05)
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
        await settled(0.1)
        assert [state["errors"][0]["extensions"]["code"] for state in peer.states("a")] == ["INTERNAL"]
        assert toy.hub.counters.failed > 1
        toy.world.is_broken = False
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


async def test_viewers_of_an_environment_that_is_suspended_are_sent_away(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.sites.put(replace(toy.environment, state=State.SUSPENDED))
        toy.hub.tick(monotonic())

        assert await peer.closed() == 1012
        assert not toy.hub.feeds


async def test_a_drain_sends_everybody_away_in_slices_and_lets_nobody_in(make_toy: MakeToy) -> None:
    toy = make_toy()
    async with AsyncExitStack() as stack:
        peers = await watching(stack, toy, 12)
        draining = asyncio.create_task(toy.hub.drain(1.0))
        await settled(0.1)
        gone = 12 - len(toy.hub.viewers)
        late = FakeSocket()
        await toy.app(scope_of("websocket"), late.receive, late.send)
        await draining

        assert 0 < gone < 12
        assert {await peer.closed() for peer in peers} == {1012}
        assert not any(message["type"] == "complete" for peer in peers for message in peer.said())
        assert late.outgoing[0]["status"] == 503


async def test_the_bus_is_followed_only_while_somebody_watches(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        assert not toy.notes.callbacks
        peer.subscribe("a", LIVE)
        await peer.until(2)
        assert list(toy.notes.callbacks) == [toy.environment.id]
        peer.say(id="a", type="complete")
        await settled()

        assert not toy.notes.callbacks
        assert not toy.hub.feeds


async def test_two_environments_share_nothing(toy: Toy) -> None:
    other = environment_at("other.ops-com.localhost")
    toy.sites.put(other)
    async with AsyncExitStack() as stack:
        await watching(stack, toy, 1)
        await watching(stack, toy, 1, headers={"host": "other.ops-com.localhost"})
        toy.notes.publish(other.id, frozenset({"count"}))
        await settled(0.05)

        assert len(toy.hub.feeds) == 2
        assert toy.hub.counters.executions == 3


async def test_everybody_who_joins_while_the_database_is_away_is_told(make_toy: MakeToy) -> None:
    toy = make_toy(pace=Pace(conflate=0.01, retry=60))
    toy.world.is_broken = True
    async with AsyncExitStack() as stack:
        for _ in range(2):
            (peer,) = await watching(stack, toy, 1)
            assert peer.states("a")[0]["errors"][0]["extensions"]["code"] == "INTERNAL"
