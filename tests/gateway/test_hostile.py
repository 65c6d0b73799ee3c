"""Peers that mean harm, on a real port: floods, storms and sudden deaths leave the server as it was.

What a single request or message may not be is in ``test_limits`` (documents, over every transport), ``test_http`` (media
types, bodies), ``test_websockets`` (the protocol), ``test_origins``, and ``test_server`` (heads, frames, stalled peers).
"""

import asyncio
import contextlib
import gc
import json
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from gateway.asgi import Receive, Scope, Send, respond
from gateway.live.caps import Caps
from gateway.live.door import Rate
from gateway.live.feed import Pace
from gateway.live.viewer import Viewer, Watch
from tests.gateway.asking import feeds_left
from tests.gateway.toy import HOST, MakeToy, Toy, served
from tests.patience import PATIENCE_S, comes_about, patience

PEERS = 1_000
LIVE = "subscription { state { count } }"
HANDSHAKE = (
    f"GET /graphql HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
).encode()
BODY = json.dumps({"query": LIVE}).encode()
STREAM = (
    f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST, as a machine that was switched off and on again does."""


def frame(text: str) -> bytes:
    """A text frame as clients send it, masked with zeros (RFC 6455, 5.2)."""
    payload = text.encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return b"\x81" + size + b"\0\0\0\0" + payload


INIT = frame('{"type":"connection_init"}')
SUBSCRIBE = frame(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": LIVE}}))
WAYS = {"sockets": (HANDSHAKE, INIT + SUBSCRIBE), "streams": (STREAM,), "half a handshake": (HANDSHAKE[:80],)}
FILES = Path("/proc/self/fd")


@pytest.fixture
def wide(make_toy: MakeToy) -> Toy:
    rates = Caps(handshakes=Rate(per_second=100_000, burst=100_000))
    return make_toy(caps=rates, pace=Pace(conflate=0.02, refresh=10 * PATIENCE_S))  # executions are counted


@contextlib.asynccontextmanager
async def peers_of(port: int, count: int, first: bytes, then: bytes = b"") -> AsyncIterator[list[socket.socket]]:
    """So many connections that said the first thing, and the other once they were answered; reset at the end."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            peer = socket.create_connection(("127.0.0.1", port))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            peer.send(first)
            opened.append(peer)
        for peer in opened if then else ():
            while b"101" not in await heard(peer):
                pass
            peer.send(then)
        yield opened
    finally:
        for peer in opened:
            peer.close()


async def heard(peer: socket.socket) -> bytes:
    """What a peer has been sent by now, or nothing after a moment."""
    try:
        return peer.recv(1 << 16)
    except BlockingIOError:
        await asyncio.sleep(0.005)
        return b""


async def poured(peer: socket.socket, piece: bytes, most: int) -> int:
    """How much of a piece, again and again, a peer could send. Raises OSError once it is hung up on."""
    sent = 0
    while sent < most:
        with contextlib.suppress(BlockingIOError):
            sent += peer.send(piece)
        await asyncio.sleep(0.001)
    return sent


def viewers_in_memory() -> int:
    """How many objects of viewers there are that somebody refers to."""
    gc.collect()
    return sum(isinstance(found, Viewer | Watch) for found in gc.get_objects())


def under_way() -> tuple[int, int]:
    """How many tasks and open files there are."""
    return len(asyncio.all_tasks()), sum(1 for _ in FILES.iterdir())


@contextlib.asynccontextmanager
async def all_as_before() -> AsyncIterator[None]:
    """What is inside leaves no task, no open file, and no object of a viewer behind."""
    tasks, files = under_way()
    yield
    await comes_about(lambda: all(now <= then for now, then in zip(under_way(), (tasks, files), strict=True)))
    await comes_about(lambda: not viewers_in_memory())  # the loop closes a file before it tells whose it was


@pytest.mark.parametrize("way", WAYS)
async def test_a_thousand_peers_that_die_at_once_leave_nothing_behind(wide: Toy, way: str) -> None:
    """Strawberry #3777, graphql-ws #532: tasks of subscriptions outlived their sockets."""
    watch = PEERS if way != "half a handshake" else 0
    async with served(wide.app) as port, all_as_before(), peers_of(port, PEERS, *WAYS[way]):
        await comes_about(lambda: sum(len(viewer.watches) for viewer in wide.hub.viewers) >= watch)
        wide.change()
        await asyncio.sleep(0)

    await feeds_left(wide)
    assert (len(wide.hub.viewers), wide.notes.callbacks) == (0, {})
    assert wide.hub.counters.executions <= 2


async def test_a_peer_that_floods_and_does_not_read_is_not_read_any_more(wide: Toy) -> None:
    """Its pings fill its own buffers: the server holds a bounded number of bytes for it, and others are served."""
    pings = frame('{"type":"ping","payload":{"x":"' + "y" * 80 + '"}}') * 500
    async with (
        served(wide.app) as port,
        peers_of(port, 1, HANDSHAKE, INIT) as (flooding,),
        peers_of(port, 1, *WAYS["sockets"]) as (quiet,),
    ):
        taken, idle = 0, 0
        while idle < 50 and taken < 200 << 20:
            await asyncio.sleep(0.005)
            try:
                taken += flooding.send(pings)
                idle = 0
            except BlockingIOError:
                idle += 1

        assert taken < 64 << 20
        wide.change(7)
        async with patience():
            while b'"count":7' not in await heard(quiet):
                pass


async def test_pings_of_a_peer_that_does_not_read_fill_no_memory(wide: Toy) -> None:
    """Pongs were written whether or not they were read: 150 MB of them in three seconds, for one peer."""
    pings = b"\x89\xfd\0\0\0\0" + b"p" * 125
    async with served(wide.app) as port, peers_of(port, 1, HANDSHAKE, INIT) as (flooding,):
        left = memoryview(pings * 160_000)
        async with patience():
            while left:
                with contextlib.suppress(BlockingIOError):
                    left = left[flooding.send(left) :]
                await asyncio.sleep(0)
        (viewer,) = wide.hub.viewers
        frames = viewer.outlet._beside  # type: ignore[attr-defined]  # noqa: SLF001 - the transport below is in no interface

        assert frames.is_full
        assert frames.transport.get_write_buffer_size() < 1 << 20


@pytest.mark.parametrize("beside", ["x-%d: " + "v" * 200 + "\r\n", "1;%d" + "e" * 200 + "\r\nx\r\n"])
async def test_what_is_neither_head_nor_body_is_bounded(wide: Toy, beside: str) -> None:
    """Trailers and chunk extensions. uvicorn adds trailers to the headers of the request, as many as there come."""
    head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    first = head + ("0\r\n" if beside.startswith("x") else "")
    async with served(wide.app) as port, peers_of(port, 1, first.encode()) as (peer,):
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            await poured(peer, "".join(beside % number for number in range(500)).encode(), 64 << 20)


async def test_trailers_are_no_headers(wide: Toy) -> None:
    """A trailer could name another host or login, behind the back of whoever looked at the headers before."""
    scopes: list[Scope] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        scopes.append(scope)
        await respond(send, 200, b"{}")

    request = (
        f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\ncookie: a=b\r\n\r\n"
    )
    async with served(look) as port, peers_of(port, 1, request.encode()) as (peer,), patience():
        while b"200 OK" not in await heard(peer):
            pass

    assert [name for name, _ in scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


async def test_one_who_comes_and_goes_alone_renders_no_more_often_than_one_who_stays(make_toy: MakeToy) -> None:
    """Each of its coming made a feed anew, which rendered at once: as many statements as it had messages."""
    toy = make_toy(pace=Pace(conflate=0.2))
    again = SUBSCRIBE + frame('{"id":"a","type":"complete"}')
    async with served(toy.app) as port, peers_of(port, 1, *WAYS["sockets"]) as (churns,):
        began = monotonic()
        for _ in range(500):
            with contextlib.suppress(BlockingIOError):
                churns.send(frame('{"id":"a","type":"complete"}') + again)
            await asyncio.sleep(0.001)
        lasted = monotonic() - began

        assert 1 <= toy.hub.counters.executions <= 2 + lasted / 0.2


async def test_subscribing_and_completing_without_end_costs_no_more_than_it_is_worth(wide: Toy) -> None:
    """One execution for the first of them: a feed that ends and begins again within its pause waits."""
    again = SUBSCRIBE + frame('{"id":"a","type":"complete"}')
    async with served(wide.app) as port, all_as_before(), peers_of(port, 2, *WAYS["sockets"]) as (_keeps, churns):
        for _ in range(300):
            with contextlib.suppress(BlockingIOError):
                churns.send(again)
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

        assert wide.hub.counters.executions == 1
