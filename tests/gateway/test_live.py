"""The hub: one execution for all viewers of a feed."""

from contextlib import AsyncExitStack
from time import monotonic

import pytest

from domain.kernel.actor import ActorKind, Permission
from gateway.live.caps import Caps
from gateway.live.feed import Pace
from tests.gateway.asking import LIVE, connected, feeds_left, settled, watching
from tests.gateway.toy import MakeToy, Toy, actor_with, environment_at
from tests.patience import comes_about


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
    await feeds_left(toy)


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
        await comes_about(lambda: toy.hub.counters.executions >= 6)
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
        await settled()
        assert len(peer.states("a")) == 2, "the first of them waits for nothing"
        for _ in range(50):
            toy.change()
        await peer.until(4)

        assert monotonic() - before >= 0.19
        assert [state["data"]["state"]["count"] for state in peer.states("a")] == [0, 50, 100]
        assert toy.hub.counters.executions == 3
        assert toy.hub.counters.conflated == 98


async def test_equal_bytes_are_not_sent(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        toy.change(count=0)
        await comes_about(lambda: toy.hub.counters.unchanged)

        assert toy.hub.counters.unchanged == 1
        assert len(peer.states("a")) == 1


async def test_a_note_about_something_else_renders_nothing(toy: Toy) -> None:
    async with AsyncExitStack() as stack:
        await watching(stack, toy, 1)
        toy.notes.publish(toy.environment.id, frozenset({"permits"}))
        await settled(0.05)

        assert toy.hub.counters.executions == 1


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


async def test_too_many_views_of_people_who_are_logged_in_are_refused_and_guests_are_not(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(known_feeds=2))
    toy.world.actors |= {"ann": actor_with(kind=ActorKind.USER), "sam": actor_with(Permission.VIEW_LOTS)}
    async with (
        connected(toy.app, {"cookie": "toy=ann"}) as ann,
        connected(toy.app, {"cookie": "toy=sam"}) as sam,
        connected(toy.app) as guest,
    ):
        ann.subscribe("a", "subscription { state { viewer } }")
        await ann.until(2)
        sam.subscribe("a", "subscription { state { staffCount } }")
        await sam.until(2)
        guest.subscribe("a", LIVE)
        await guest.until(2)
        sam.subscribe("b", "subscription { state { viewer } }")
        sam.subscribe("c", "subscription { state { staffCount } }")
        said = await sam.until(4)
        ann.say(id="a", type="complete")
        await feeds_left(toy, 2)
        ann.subscribe("b", LIVE)
        await ann.until(3)

    assert [m["payload"][0]["extensions"]["code"] for m in said if m["type"] == "error"] == ["TOO_MANY_VIEWS"]
    assert len(sam.states("c")) == 1
    assert len(guest.states("a")) == 1
    assert len(ann.states("b")) == 1


async def test_a_live_operation_takes_500_ids_and_no_more(toy: Toy) -> None:
    text = "subscription($ids: [ID!]) { state(ids: $ids) { count } }"
    async with connected(toy.app) as peer:
        peer.subscribe("most", text, ids=[str(number) for number in range(500)])
        peer.subscribe("more", text, ids=[str(number) for number in range(501)])
        said = await peer.until(3)

    assert [(m["id"], m["payload"][0]["extensions"]["code"]) for m in said if m["type"] == "error"] == [
        ("more", "BAD_USER_INPUT")
    ]
    assert len(peer.states("most")) == 1


async def test_the_bus_is_followed_only_while_somebody_watches(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        assert not toy.notes.callbacks
        peer.subscribe("a", LIVE)
        await peer.until(2)
        assert list(toy.notes.callbacks) == [toy.environment.id]
        peer.say(id="a", type="complete")
        await feeds_left(toy)

        assert not toy.notes.callbacks


async def test_two_environments_share_nothing(toy: Toy) -> None:
    other = environment_at("other.ops-com.localhost")
    toy.sites.put(other)
    async with AsyncExitStack() as stack:
        await watching(stack, toy, 1)
        await watching(stack, toy, 1, headers={"host": "other.ops-com.localhost"})
        toy.notes.publish(other.id, frozenset({"count"}))
        await comes_about(lambda: toy.hub.counters.executions >= 3)
        await settled(0.05)

        assert len(toy.hub.feeds) == 2
        assert toy.hub.counters.executions == 3
