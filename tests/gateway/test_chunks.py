"""States of streams written beside ASGI: whole chunks, in order with everything else, and only where uvicorn is as it was."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from gateway.chunks import has_chunks
from gateway.intake import BoundedHttp
from gateway.sse import HEARTBEAT_S, StreamViewer
from tests.gateway.test_server import SKIPPED
from tests.gateway.toy import HOST, Toy, served
from tests.patience import patience


class OverAsgi(BoundedHttp):
    """The same without the extension."""

    @override
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.scope["extensions"] = {}


class Reader:
    """A stream as a peer reads it: unframed by hand, so that nothing is forgiven."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def chunk(self) -> bytes:
        """The next chunk; empty for the last one."""
        async with patience():
            size = int((await self._reader.readuntil(b"\r\n")).rstrip(), 16)
            body = await self._reader.readexactly(size)
            assert await self._reader.readexactly(2) == b"\r\n"
        return body

    async def count(self) -> int:
        """The count in the next state."""
        event = await self.chunk()
        assert event.endswith(b"\n\n")
        line = next(line for line in event.split(b"\n") if line.startswith(b"data: "))
        return int(json.loads(line[6:])["data"]["state"]["count"])


@contextlib.asynccontextmanager
async def streaming(port: int, text: str = "subscription { state { count } }") -> AsyncIterator[Reader]:
    """A stream, after its head."""
    body = json.dumps({"query": text}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
    writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    try:
        assert b"transfer-encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        yield Reader(reader)
    finally:
        writer.close()


@pytest.mark.parametrize("http", [BoundedHttp, OverAsgi])
async def test_both_ways_show_the_same_and_mix_with_what_is_said_over_asgi(toy: Toy, http: type[BoundedHttp]) -> None:
    async with served(toy.app, http=http) as port, streaming(port) as stream:
        assert await stream.count() == 0
        (viewer,) = toy.hub.viewers
        assert isinstance(viewer, StreamViewer)
        for count in range(1, 4):
            toy.hub.tick(viewer.last_write + HEARTBEAT_S + 1)
            assert await stream.chunk() == b":\n\n"
            toy.change()
            assert await stream.count() == count
        await toy.hub.drain(0)

        assert await stream.chunk() == b""


async def test_a_peer_that_does_not_read_is_marked_behind_and_gets_the_newest_state(toy: Toy, toy_port: int) -> None:
    text = "subscription { state(pad: 200000) { count pad } }"
    async with streaming(toy_port, text) as stalled, streaming(toy_port, text) as quick:
        assert await quick.count() == 0
        while toy.hub.counters.behind < SKIPPED:  # the kernel takes some of the states first, more or fewer
            toy.change()
            assert await quick.count() == toy.world.count

        counts = [await stalled.count()]
        while counts[-1] != toy.world.count:
            counts.append(await stalled.count())

    assert counts == sorted(set(counts))
    assert len(counts) <= toy.world.count


async def test_nothing_is_written_after_the_end(toy: Toy, toy_port: int) -> None:
    async with streaming(toy_port) as stream:
        assert await stream.count() == 0
        (viewer,) = toy.hub.viewers
        watch = next(iter(viewer.watches.values()))
        viewer.close(0, "restart")
        payload = watch.feed.payload
        assert payload is not None
        viewer.write_state(watch, payload)

        assert await stream.chunk() == b""


def test_where_the_library_is_another_one_states_go_over_asgi() -> None:
    class Another:
        """A response without what is needed."""

    with capture_logs() as logged:
        found = has_chunks(Another)

    assert not found
    assert logged[0]["event"] == "chunks_over_asgi"
    assert {"flow", "chunked_encoding"} <= set(logged[0]["missing"])
    assert has_chunks()
