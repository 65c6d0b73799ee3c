"""``graphql-transport-ws``: the conversation, and every way of breaking it."""

import asyncio

import pytest

from domain.kernel.actor import Permission
from gateway.live.caps import Caps
from tests.gateway.asking import FakeSocket, connected, feeds_left, scope_of, settled
from tests.gateway.toy import HOST, MakeToy, Toy, actor_with


async def test_a_live_operation_gets_its_state_at_once_and_then_each_change(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("a", "subscription { state { count } }")
        await peer.until(2)
        toy.change()
        await peer.until(3)

        assert peer.said()[0] == {"type": "connection_ack"}
        assert peer.states("a") == [{"data": {"state": {"count": 0}}}, {"data": {"state": {"count": 1}}}]


async def test_queries_and_mutations_are_answered_and_completed(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("q", "query($n: String!) { hello(name: $n) }", n="Ann")
        said = await peer.until(3)
        peer.subscribe("m", "mutation { raiseCount }")
        said = await peer.until(5)

    assert said[1:] == [
        {"id": "q", "type": "next", "payload": {"data": {"hello": "hello Ann"}}},
        {"id": "q", "type": "complete"},
        {"id": "m", "type": "next", "payload": {"data": {"raiseCount": 1}}},
        {"id": "m", "type": "complete"},
    ]


async def test_pings_are_answered_at_any_time_with_their_payload(toy: Toy) -> None:
    async with connected(toy.app, init=False) as peer:
        peer.say(type="ping")
        peer.say(type="ping", payload={"n": 1})
        peer.say(type="pong")
        said = await peer.until(2)

    assert said == [{"type": "pong"}, {"type": "pong", "payload": {"n": 1}}]


BROKEN: dict[str, tuple[list[object], int]] = {
    "not JSON": (["{"], 4400),
    "not an object": (["[]"], 4400),
    "no type": (["{}"], 4400),
    "an unknown type": ([{"type": "start"}], 4400),
    "a payload of text": ([{"type": "connection_init", "payload": "x"}], 4400),
    "a ping with a list": ([{"type": "ping", "payload": []}], 4400),
    "start before init": ([{"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}}], 4401),
    "two inits": ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
    "no id": ([{"type": "connection_init"}, {"type": "subscribe", "payload": {"query": "{ hello }"}}], 4400),
    "an empty id": (
        [{"type": "connection_init"}, {"id": "", "type": "subscribe", "payload": {"query": "{ hello }"}}],
        4400,
    ),
    "a number as id": (
        [{"type": "connection_init"}, {"id": 1, "type": "subscribe", "payload": {"query": "{ hello }"}}],
        4400,
    ),
    "a huge id": ([{"type": "connection_init"}, {"id": "x" * 200, "type": "complete"}], 4400),
    "no payload": ([{"type": "connection_init"}, {"id": "1", "type": "subscribe"}], 4400),
    "no query": ([{"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": {}}], 4400),
    "a number as query": (
        [{"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": {"query": 1}}],
        4400,
    ),
    "a list of variables": (
        [
            {"type": "connection_init"},
            {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }", "variables": [1]}},
        ],
        4400,
    ),
    "complete without id": ([{"type": "connection_init"}, {"type": "complete"}], 4400),
    "nested too deep": (['{"type":' + "[" * 5000], 4400),
    "too big": (["x" * 70_000], 1009),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_protocol_closes_the_socket_with_its_code(toy: Toy, name: str) -> None:
    messages, code = BROKEN[name]
    async with connected(toy.app, init=False) as peer:
        for message in messages:
            if isinstance(message, str):
                peer.say_text(message)
            else:
                peer.say(**message)  # type: ignore[arg-type]

        assert await peer.closed() == code
    assert not toy.hub.viewers


async def test_bytes_close_the_socket(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.incoming.put_nowait({"type": "websocket.receive", "bytes": b"{}"})

        assert await peer.closed() == 4400


async def test_an_id_in_use_closes_the_socket_and_a_freed_one_may_be_used_again(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("a", "subscription { state { count } }")
        await peer.until(2)
        peer.say(id="a", type="complete")
        peer.subscribe("a", "subscription { state { count } }")
        await peer.until(3)
        peer.subscribe("a", "subscription { state { count } }")

        assert await peer.closed() == 4409


async def test_a_socket_that_says_nothing_is_closed(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(silence_s=0.05))
    async with connected(toy.app, init=False) as peer:
        peer.say(type="ping")

        assert await peer.closed() == 4408


async def test_another_subprotocol_is_not_spoken(toy: Toy) -> None:
    for offered in ([], ["graphql-ws"]):
        peer = FakeSocket()
        scope = scope_of("websocket") | {"subprotocols": offered}
        await toy.app(scope, peer.receive, peer.send)

        assert await peer.closed() == 4406


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null", "cookie": "toy=ann"}])
async def test_a_socket_from_another_site_is_refused_before_its_upgrade(toy: Toy, headers: dict[str, str]) -> None:
    peer = FakeSocket()

    await toy.app(scope_of("websocket", headers=headers), peer.receive, peer.send)

    assert peer.outgoing[0]["status"] == 403


async def test_the_own_site_opens_a_socket_with_its_login(toy: Toy) -> None:
    toy.world.actors["ann"] = ann = actor_with()

    async with connected(toy.app, {"origin": f"http://{HOST}", "cookie": "toy=ann"}) as peer:
        peer.subscribe("a", "{ me }")
        said = await peer.until(2)

    assert said[1]["payload"] == {"data": {"me": str(ann.user_id)}}


async def test_a_refused_operation_is_an_error_and_the_socket_lives_on(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("1", "{ nothing }")
        peer.subscribe("2", "query($n: String!) { hello(name: $n) }")
        peer.subscribe("3", "subscription($n: Int!) { state(pad: $n) { count } }")
        peer.subscribe("4", 'subscription { state(ids: ["wrong"]) { count } }')
        said = await peer.until(5)

    codes = [message["payload"][0]["extensions"]["code"] for message in said[1:]]
    assert [message["type"] for message in said[1:]] == ["error"] * 4
    assert sorted(codes) == ["BAD_USER_INPUT", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "invalid"]
    assert not toy.hub.feeds


async def test_the_21st_operation_of_a_socket_is_refused(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        for number in range(21):
            peer.subscribe(str(number), "subscription { state { count } }")
        said = await peer.until(22)

    errors = [message for message in said if message["type"] == "error"]
    assert [(e["id"], e["payload"][0]["extensions"]["code"]) for e in errors] == [("20", "TOO_MANY_OPERATIONS")]


async def test_mutations_completed_by_the_client_still_count_until_they_end(toy: Toy) -> None:
    """Else a client could start any number of them by completing each at once."""
    async with connected(toy.app) as peer:
        for number in range(20):
            peer.subscribe(str(number), "mutation { slowChange }")
            peer.say(id=str(number), type="complete")
        peer.subscribe("more", "{ hello }")
        said = await peer.until(2)
        toy.world.gate.set()
        await settled()

        assert said[1]["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        assert toy.world.count == 20
        assert len(peer.said()) == 2


async def test_a_mutation_comes_to_its_end_when_the_peer_is_gone(toy: Toy) -> None:
    """It may have begun to write, or be one of several steps."""
    async with connected(toy.app) as peer:
        peer.subscribe("a", "mutation { slowChange }")
        await settled()
        peer.hang_up()
    toy.world.gate.set()
    await settled()

    assert toy.world.count == 1
    assert toy.world.ended_reads == 1


async def test_a_query_completed_by_the_client_is_stopped(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("a", "{ slow }")
        await settled()
        peer.say(id="a", type="complete")
        peer.subscribe("b", "{ hello }")
        await peer.until(3)
        toy.world.gate.set()
        await settled()

        assert not [message for message in peer.said() if message.get("id") == "a"]
        assert toy.world.ended_reads == 2


async def test_what_runs_is_stopped_when_the_peer_is_gone(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("a", "{ slow }")
        peer.subscribe("b", "subscription { state { count } }")
        await peer.until(2)
    await feeds_left(toy)

    assert toy.world.ended_reads == 1
    assert not toy.hub.viewers
    assert not toy.notes.callbacks


async def test_a_socket_over_a_cap_gets_a_503_before_its_upgrade(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(viewers_per_address=1))
    async with connected(toy.app):
        peer = FakeSocket()
        await toy.app(scope_of("websocket"), peer.receive, peer.send)
        async with connected(toy.app, client="198.51.100.2"):
            pass

    assert peer.outgoing[0]["status"] == 503
    assert b"TOO_MANY_VIEWERS" in peer.outgoing[1]["body"]


async def test_a_socket_that_is_slow_to_take_its_upgrade_passes_no_cap(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(viewers=1))
    slow = FakeSocket()
    slow.gate.clear()
    serving = asyncio.ensure_future(toy.app(scope_of("websocket"), slow.receive, slow.send))
    await settled()
    async with connected(toy.app):
        slow.gate.set()

        assert await slow.closed() == 1013
        assert len(toy.hub.viewers) == 1
    await serving


async def test_a_socket_that_is_slow_to_take_its_upgrade_does_not_come_in_after_a_drain(toy: Toy) -> None:
    slow = FakeSocket()
    slow.gate.clear()
    serving = asyncio.ensure_future(toy.app(scope_of("websocket"), slow.receive, slow.send))
    await settled()
    await toy.hub.drain(0)
    slow.gate.set()

    assert await slow.closed() == 1012
    assert not toy.hub.viewers
    await serving


async def test_a_login_can_not_be_made_over_a_socket(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        peer.subscribe("a", "mutation { logIn }")
        said = await peer.until(3)

    assert said[1]["payload"]["errors"][0]["extensions"]["code"] == "cookies_need_http"


async def test_nobody_who_can_not_be_identified_watches_as_a_guest(toy: Toy) -> None:
    async with connected(toy.app, {"cookie": "toy=fault"}) as peer:
        peer.subscribe("a", "subscription { state { count } }")
        said = await peer.until(2)

    assert (said[1]["type"], said[1]["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")


async def test_staff_and_guests_of_one_operation_see_different_states(toy: Toy) -> None:
    toy.world.actors["ann"] = actor_with(Permission.VIEW_LOTS)
    text = "subscription { state { staffCount } }"
    async with connected(toy.app, {"cookie": "toy=ann"}) as staff, connected(toy.app) as guest:
        staff.subscribe("a", text)
        guest.subscribe("a", text)
        await asyncio.gather(staff.until(2), guest.until(2))

        assert staff.states("a") == [{"data": {"state": {"staffCount": 0}}}]
        assert "data" in guest.states("a")[0]
        assert guest.states("a")[0]["data"] is None
        assert guest.states("a")[0]["errors"][0]["extensions"]["code"] == "login_required"
        assert len(toy.hub.feeds) == 2
