"""GraphQL over server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from time import monotonic

import pytest

from gateway.asgi import Message
from gateway.live.caps import Caps
from tests.gateway.asking import JSON, ask, feeds_left, scope_of, settled
from tests.gateway.toy import MakeToy, Toy, actor_with
from tests.patience import comes_about, patience

EVENTS = {**JSON, "accept": "text/event-stream"}
LIVE = "subscription { state { count } }"


class Stream:
    """The client's end of a stream."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.is_over = False
        self.moved = asyncio.Event()
        self.gone = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, message: Message) -> None:
        """What the server says; it waits while the gate is closed."""
        if not self.gate.is_set():
            await self.gate.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            self.is_over = not message.get("more_body", False)
        self.moved.set()

    @property
    def events(self) -> list[dict[str, str]]:
        """Whole events so far; comments are none."""
        blocks = [block for block in self.text.split("\n\n") if block and not block.startswith(":")]
        return [dict(line.split(":", 1) for line in block.split("\n")) for block in blocks]

    async def until(self, count: int) -> list[dict[str, str]]:
        """The events once there are so many."""
        async with patience():
            while len(self.events) < count:
                self.moved.clear()
                await self.moved.wait()
        return self.events


@asynccontextmanager
async def streaming(toy: Toy, text: str | None, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """A stream of one operation, by POST or (without a text) by GET; the client goes away at the end."""
    stream, body = Stream(), [json.dumps({"query": text}).encode()]

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await stream.gone.wait()
        return {"type": "http.disconnect"}

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = scope_of("http", headers={**EVENTS, **named}, query=query, method="POST" if text else "GET")
    serving = asyncio.ensure_future(toy.app(scope, receive, stream.send))
    try:
        yield stream
    finally:
        stream.gone.set()
        async with patience():
            await serving


async def test_a_stream_gets_the_state_at_once_and_then_each_change(toy: Toy) -> None:
    async with streaming(toy, LIVE) as stream:
        await stream.until(1)
        toy.change()
        events = await stream.until(2)

    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["x-accel-buffering"] == "no"
    assert stream.headers["cache-control"].startswith("no-store")
    assert [event["event"] for event in events] == [" next", " next"]
    assert [json.loads(event["data"]) for event in events] == [{"data": {"state": {"count": n}}} for n in (0, 1)]
    assert not toy.hub.viewers
    await feeds_left(toy)


async def test_equal_states_have_equal_ids_and_a_joiner_that_has_the_state_gets_no_first_message(toy: Toy) -> None:
    async with streaming(toy, LIVE) as first:
        (event,) = await first.until(1)
        async with streaming(toy, LIVE) as second:
            (same,) = await second.until(1)
        async with streaming(toy, LIVE, last_event_id=event["id"].strip()) as third:
            await settled(0.05)
            assert third.events == []
            toy.change()
            (changed,) = await third.until(1)

    assert same == event
    assert changed["id"] != event["id"]


async def test_a_first_joiner_that_has_the_state_from_another_process_gets_no_first_message(toy: Toy) -> None:
    async with streaming(toy, LIVE) as stream:
        tag = (await stream.until(1))[0]["id"].strip()
    await feeds_left(toy)

    async with streaming(toy, LIVE, last_event_id=tag) as again:
        await settled(0.05)
        assert again.events == []
        assert toy.hub.counters.executions == 2


async def test_nobody_logs_in_over_a_stream(toy: Toy) -> None:
    """Its answer carries no cookie, so the login would be nobody's."""
    response = await ask(toy.app, {"query": "mutation { logIn }"}, EVENTS)

    assert b"cookies_need_http" in response.body


async def test_a_query_over_a_stream_is_one_event_and_complete(toy: Toy) -> None:
    response = await ask(toy.app, {"query": "{ hello }"}, EVENTS)

    assert response.body == b'event: next\ndata: {"data":{"hello":"hello world"}}\n\nevent: complete\ndata:\n\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($n: Int!) { state(pad: $n) { count } }", "BAD_USER_INPUT"),
        ('subscription { state(ids: ["wrong"]) { count } }', "invalid"),
    ],
)
async def test_a_refusal_is_an_event_on_200_and_complete(toy: Toy, text: str, code: str) -> None:
    async with streaming(toy, text) as stream:
        refusal, end = await stream.until(2)

    assert stream.status == 200
    assert stream.is_over
    assert json.loads(refusal["data"])["errors"][0]["extensions"]["code"] == code
    assert end == {"event": " complete", "data": ""}
    assert not toy.hub.viewers


async def test_a_subscription_by_get_suits_a_browsers_event_source(toy: Toy) -> None:
    """EventSource can only GET; it sends nothing but this Accept header."""
    async with streaming(toy, None, "query=subscription{state{count}}") as stream:
        assert len(await stream.until(1)) == 1


async def test_one_that_accepts_streams_among_others_gets_one_for_a_subscription(toy: Toy) -> None:
    accept = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"

    async with streaming(toy, LIVE, accept=accept) as stream:
        assert len(await stream.until(1)) == 1


async def test_a_malformed_request_for_a_stream_is_a_coded_400(toy: Toy) -> None:
    response = await ask(toy.app, b"{", EVENTS)

    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])


async def test_a_stream_over_a_cap_gets_a_503(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(viewers=1))
    async with streaming(toy, LIVE) as first:
        await first.until(1)
        response = await ask(toy.app, {"query": LIVE}, EVENTS)

    assert (response.status, response.codes) == (503, ["TOO_MANY_VIEWERS"])


async def test_too_many_different_views_are_refused_as_an_event(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(anonymous_feeds=1))
    async with streaming(toy, LIVE) as first, streaming(toy, "subscription { state { pad } }") as second:
        await first.until(1)
        events = await second.until(2)

    assert json.loads(events[0]["data"])["errors"][0]["extensions"]["code"] == "TOO_MANY_VIEWS"


async def test_a_drained_stream_just_ends_without_complete(toy: Toy) -> None:
    async with streaming(toy, LIVE) as stream:
        await stream.until(1)
        await toy.hub.drain(0)
        await settled()

        assert stream.is_over
        assert len(stream.events) == 1


async def test_a_silent_stream_is_broken_by_a_comment(toy: Toy) -> None:
    began = monotonic()
    async with streaming(toy, LIVE) as stream:
        await stream.until(1)
        toy.hub.tick(began + 11)
        assert not stream.text.endswith(":\n\n")
        toy.hub.tick(monotonic() + 13)

        assert stream.text.endswith("\n\n:\n\n")


async def test_a_burst_that_is_still_being_identified_does_not_pass_the_cap(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(viewers=2))
    async with AsyncExitStack() as stack:
        burst = [await stack.enter_async_context(streaming(toy, LIVE, cookie="toy=slow")) for _ in range(5)]
        await settled()
        toy.world.gate.set()
        await comes_about(lambda: all(stream.status for stream in burst))
        await settled()

        assert sorted(stream.status for stream in burst) == [200, 200, 503, 503, 503]
        assert len(toy.hub.viewers) == 2


async def test_who_is_still_being_identified_when_a_drain_ends_does_not_come_in(toy: Toy) -> None:
    async with streaming(toy, LIVE, cookie="toy=slow") as stream:
        await settled()
        await toy.hub.drain(0)
        toy.world.gate.set()
        await comes_about(lambda: stream.is_over)

        assert stream.status == 503
        assert "RESTARTING" in stream.text
        assert not toy.hub.viewers


async def test_who_is_slow_to_take_the_head_of_a_stream_does_not_pass_the_cap(make_toy: MakeToy) -> None:
    """Its end without ``complete`` is what a restart looks like: clients come back."""
    toy = make_toy(caps=Caps(viewers=1))
    async with streaming(toy, LIVE) as slow:
        slow.gate.clear()
        await settled()
        async with streaming(toy, LIVE) as quick:
            await quick.until(1)
            slow.gate.set()
            await settled()

            assert slow.is_over
            assert slow.events == []
            assert len(toy.hub.viewers) == 1


@pytest.mark.parametrize(
    "ids", [[str(n) for n in range(501)], ["x" * 1_000] + ["y" * 400 + str(n) for n in range(200)]]
)
async def test_variables_that_would_fill_the_memory_are_refused(toy: Toy, ids: list[str]) -> None:
    """They stay as long as the stream does; a body may have a mebibyte."""
    body = {"query": "subscription($ids: [ID!]) { state(ids: $ids) { count } }", "variables": {"ids": ids}}

    async with patience():
        response = await ask(toy.app, body, EVENTS)

    assert b"BAD_USER_INPUT" in response.body
    assert not toy.hub.feeds


async def test_a_stream_that_was_routed_before_a_move_is_watched_where_the_environment_is_now(toy: Toy) -> None:
    toy.world.actors["ann"] = actor_with()
    toy.world.gone.add(toy.environment.schema)
    toy.sites.put(replace(toy.environment, schema="s_000002"), is_routed=False)

    async with streaming(toy, LIVE, cookie="toy=ann") as stream:
        (event,) = await stream.until(1)

    assert json.loads(event["data"]) == {"data": {"state": {"count": 0}}}
