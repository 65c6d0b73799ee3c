"""Who watches with a login is asked for again: by note, every half minute, and in one question for a whole site."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from time import monotonic

import pytest

from domain.kernel.actor import ActorKind, Permission
from gateway.live.access import EVERY_S
from tests.gateway.asking import LIVE, FakeSocket, connected, feeds_left, settled, watching
from tests.gateway.test_sse import streaming
from tests.gateway.toy import Toy, actor_with
from tests.patience import comes_about

ACCESS = frozenset({"access"})
SECRET = "subscription { state { ... on LiveState { viewer } } }"
ANN = {"cookie": "toy=ann"}


async def by_note(toy: Toy) -> None:
    toy.notes.publish(toy.environment.id, ACCESS)
    await settled(0.05)


async def by_the_clock(toy: Toy) -> None:
    toy.hub.tick(monotonic() + EVERY_S + 1)
    await settled(0.05)


WAYS = {"note": by_note, "clock": by_the_clock}
Way = Callable[[Toy], Awaitable[None]]


@pytest.fixture(params=WAYS)
def asked_again(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture
def ann(toy: Toy) -> Toy:
    toy.world.actors["ann"] = actor_with(Permission.VIEW_LOTS)
    return toy


def ends(peer: FakeSocket, name: str) -> list[str]:
    """The codes with which an operation ended."""
    errors = [said for said in peer.said() if said["type"] == "error" and said["id"] == name]
    return [error["extensions"]["code"] for said in errors for error in said["payload"]]


async def test_a_login_that_is_over_ends_what_was_begun_with_it_and_the_socket_lives_on(
    ann: Toy, asked_again: Way
) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        del ann.world.actors["ann"]
        await asked_again(ann)
        peer.subscribe("b", LIVE)
        await comes_about(lambda: len(peer.states("b")) == 1)
        ann.change()
        await comes_about(lambda: len(peer.states("b")) == 2)

        assert ends(peer, "a") == ["login_required"]
        assert len(peer.states("a")) == 1
        assert [s["data"]["state"]["count"] for s in peer.states("b")] == [0, 1]


async def test_a_stream_of_a_login_that_is_over_ends_with_the_reason(ann: Toy, asked_again: Way) -> None:
    async with streaming(ann, LIVE, cookie="toy=ann") as stream:
        await stream.until(1)
        del ann.world.actors["ann"]
        await asked_again(ann)

        assert stream.is_over
        assert "login_required" in stream.text
        assert stream.text.endswith("event: complete\ndata:\n\n")
    await feeds_left(ann)


async def test_who_is_of_another_kind_now_watches_what_that_kind_sees(ann: Toy, asked_again: Way) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        before = set(ann.hub.feeds)
        ann.world.actors["ann"] = replace(ann.world.actors["ann"], kind=ActorKind.USER)
        await asked_again(ann)
        ann.change()
        await comes_about(lambda: peer.states("a")[-1] == {"data": {"state": {"count": 1}}})
        await feeds_left(ann, 1)

        assert set(ann.hub.feeds) != before
        assert ends(peer, "a") == []


async def test_who_is_the_same_goes_on_and_gets_no_state_twice(ann: Toy, asked_again: Way) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", SECRET)
        await peer.until(2)
        await asked_again(ann)

        assert len(peer.states("a")) == 1
        assert ends(peer, "a") == []


async def test_what_makes_no_difference_to_an_operation_sends_nothing(ann: Toy, asked_again: Way) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        ann.world.actors["ann"] = replace(ann.world.actors["ann"], permissions=frozenset({Permission.VIEW_PERMITS}))
        await asked_again(ann)

        assert len(peer.states("a")) == 1
        assert ann.hub.counters.executions == 1
        del ann.world.actors["ann"]
        await by_note(ann)
        assert ends(peer, "a") == ["login_required"]


async def test_one_who_is_behind_gets_nothing_of_what_it_may_no_longer_see(ann: Toy) -> None:
    """What it was behind on was once offered by the name of its operation, which was another feed's by then."""
    ann.world.actors["bob"] = actor_with(Permission.VIEW_LOTS)
    text = "subscription { state { staffCount } }"
    async with AsyncExitStack() as stack:
        (slow,) = await watching(stack, ann, 1, text, headers=ANN)
        (quick,) = await watching(stack, ann, 1, text, headers={"cookie": "toy=bob"})
        slow.gate.clear()
        for count in (1, 2):
            ann.change()
            await quick.until(2 + count)
        ann.world.actors["ann"] = replace(ann.world.actors["ann"], permissions=frozenset())
        await by_note(ann)
        slow.gate.set()
        await slow.until(4)
        await settled()

        counted = [state["data"]["state"]["staffCount"] for state in slow.states("a")[:2]]
        assert counted == [0, 1]
        assert [error["extensions"]["code"] for error in slow.states("a")[2]["errors"]] == ["denied"]
        assert len(slow.states("a")) == 3


async def test_who_begins_to_watch_while_it_is_asked_is_not_taken_for_gone(ann: Toy) -> None:
    ann.world.actors["bob"] = actor_with()
    async with AsyncExitStack() as stack:
        await watching(stack, ann, 1, headers=ANN)
        ann.world.is_held = True
        await by_note(ann)
        (late,) = await watching(stack, ann, 1, headers={"cookie": "toy=bob"})
        ann.world.gate.set()
        await settled()
        ann.change()
        await late.until(3)

        assert ends(late, "a") == []
        assert late.states("a")[-1] == {"data": {"state": {"count": 1}}}


async def test_a_note_that_comes_while_it_is_asked_is_asked_about_afterwards(ann: Toy) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        ann.world.is_held = True
        await by_note(ann)
        del ann.world.actors["ann"]
        await by_note(ann)
        assert len(ann.world.rechecked) == 1
        ann.world.gate.set()
        await peer.until(3)

        assert ends(peer, "a") == ["login_required"]
        assert len(ann.world.rechecked) == 2


async def test_what_was_begun_as_a_guest_is_never_asked_about(toy: Toy, asked_again: Way) -> None:
    async with AsyncExitStack() as stack:
        (peer,) = await watching(stack, toy, 1)
        await asked_again(toy)

        assert toy.world.rechecked == []
        assert len(peer.states("a")) == 1


async def test_who_was_routed_before_a_move_is_asked_about_where_the_environment_is_now(ann: Toy) -> None:
    """A stream may wait for ten seconds at the door: the first of a site brought the old place with it, to stay."""
    ann.sites.put(replace(ann.environment, schema="s_000002"), is_routed=False)
    async with streaming(ann, LIVE, cookie=ANN["cookie"]) as stream:
        await stream.until(1)
        ann.world.gone.add(ann.environment.schema)
        del ann.world.actors["ann"]
        await by_note(ann)

        assert "login_required" in (await stream.until(2))[1]["data"]


async def test_a_site_is_asked_about_in_one_question(toy: Toy) -> None:
    people = {name: actor_with() for name in ("ann", "bob", "cid")}
    toy.world.actors |= people
    async with AsyncExitStack() as stack:
        for name in people:
            await watching(stack, toy, 2, headers={"cookie": f"toy={name}"})
        await by_the_clock(toy)
        toy.hub.tick(monotonic() + EVERY_S + 2)
        await settled()

    assert toy.world.rechecked == [frozenset(actor.login_id for actor in people.values())]


async def test_while_the_database_is_away_viewers_stay(ann: Toy) -> None:
    async with connected(ann.app, ANN) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        ann.world.fault = OSError()
        await by_note(ann)
        ann.world.fault = None
        ann.change()
        await comes_about(lambda: peer.states("a")[-1] == {"data": {"state": {"count": 1}}})

        del ann.world.actors["ann"]
        await by_note(ann)
        assert ends(peer, "a") == ["login_required"]
