"""The gateway's uvicorn on a real loopback port: hostile bytes, stalled peers, and the orderly end."""

import asyncio
import contextlib
import json
import resource
import signal
from collections.abc import AsyncIterator
from time import monotonic
from typing import ClassVar

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.health import Health, health_app
from gateway.intake import MAX_HEAD, BoundedHttp
from gateway.live.hub import BEHIND_S
from gateway.server import Drain, DrainingServer, open_many_files
from tests.gateway.asking import ask, feeds_left
from tests.gateway.toy import HOST, Toy, served
from tests.patience import PATIENCE_S, comes_about, patience

PROTOCOL = [Subprotocol("graphql-transport-ws")]
SKIPPED = 20
"""States that a peer must miss before it counts as one that does not read."""


@contextlib.asynccontextmanager
async def dialled(port: int, **how: object) -> AsyncIterator[ClientConnection]:
    """A real socket, acknowledged."""
    options = {"subprotocols": PROTOCOL, "host": "127.0.0.1", "compression": None, "open_timeout": PATIENCE_S, **how}
    async with connect(f"ws://{HOST}:{port}/graphql", **options) as peer:  # type: ignore[arg-type]
        await peer.send('{"type":"connection_init"}')
        assert json.loads(await peer.recv()) == {"type": "connection_ack"}
        yield peer


async def watch(peer: ClientConnection, name: str = "a", text: str = "subscription { state { count } }") -> object:
    """The first state of a live operation."""
    await peer.send(json.dumps({"id": name, "type": "subscribe", "payload": {"query": text}}))
    return json.loads(await peer.recv())


async def close_code(peer: ClientConnection) -> int | None:
    """The code the server closes with."""
    with contextlib.suppress(ConnectionClosed):
        async with patience():
            while True:
                await peer.recv()
    return peer.close_code


async def test_a_live_state_over_a_real_socket(toy: Toy, toy_port: int) -> None:
    async with dialled(toy_port) as peer:
        assert await watch(peer) == {"id": "a", "type": "next", "payload": {"data": {"state": {"count": 0}}}}
        toy.change()
        assert json.loads(await peer.recv())["payload"]["data"] == {"state": {"count": 1}}


async def test_a_frame_over_64_kib_is_closed_before_we_see_it(toy_port: int) -> None:
    async with dialled(toy_port) as peer:
        await peer.send("x" * 70_000)
        assert await close_code(peer) == 1009


async def test_many_small_fragments_are_still_one_message_that_is_too_big(toy_port: int) -> None:
    async with dialled(toy_port) as peer:
        with contextlib.suppress(ConnectionClosed):
            await peer.send("x" * 1_000 for _ in range(100))
        assert await close_code(peer) == 1009


async def test_bytes_that_are_no_text_are_closed(toy_port: int) -> None:
    async with dialled(toy_port) as peer:
        await peer.send(b"\xff\xfe", text=True)
        assert await close_code(peer) == 1007
    async with dialled(toy_port) as peer:
        await peer.send(b"{}")
        assert await close_code(peer) == 4400


@pytest.mark.parametrize(
    ("headers", "status"), [({"Origin": "https://evil.example"}, 403), ({"Host": "nobody.example"}, 404)]
)
async def test_a_refused_upgrade_tells_its_status(toy_port: int, headers: dict[str, str], status: int) -> None:
    host = headers.get("Host", HOST)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://{host}:{toy_port}/graphql",
            host="127.0.0.1",
            subprotocols=PROTOCOL,
            additional_headers={k: v for k, v in headers.items() if k != "Host"},
        ):
            pass

    assert refused.value.response.status_code == status


async def test_compression_is_not_negotiated(toy_port: int) -> None:
    async with connect(f"ws://{HOST}:{toy_port}/graphql", host="127.0.0.1", subprotocols=PROTOCOL) as peer:
        assert peer.protocol.extensions == []


async def test_a_peer_that_does_not_read_holds_nobody_up_and_ends_with_the_newest_state(
    toy: Toy, toy_port: int
) -> None:
    """graphql.md, finding 6: one stalled viewer stops a naive loop for ever."""
    text = "subscription { state(pad: 200000) { count pad } }"
    async with dialled(toy_port, max_queue=1, max_size=None) as stalled, dialled(toy_port, max_size=None) as quick:
        await stalled.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": text}}))
        await watch(quick, text=text)
        async with patience():
            while toy.hub.counters.behind < SKIPPED:  # the kernel takes some of the states first, more or fewer
                toy.change()
                assert json.loads(await quick.recv())["payload"]["data"]["state"]["count"] == toy.world.count

        counts: list[int] = []
        async with patience():
            while not counts or counts[-1] != toy.world.count:
                counts.append(json.loads(await stalled.recv())["payload"]["data"]["state"]["count"])

        assert counts == sorted(set(counts))
        assert len(counts) <= toy.world.count


async def test_a_peer_that_reads_nothing_for_long_is_hung_up_on_without_a_word(toy: Toy, toy_port: int) -> None:
    """A close frame would wait behind what it does not read."""
    text = "subscription { state(pad: 200000) { count pad } }"
    async with dialled(toy_port, max_queue=1, max_size=None) as stalled, dialled(toy_port, max_size=None) as quick:
        await stalled.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": text}}))
        await watch(quick, text=text)
        async with patience():
            while not toy.hub.counters.ended:  # what the kernel still takes of a state lets the peer catch up meanwhile
                toy.change()
                await quick.recv()
                toy.hub.tick(monotonic() + BEHIND_S + 1)

        assert await close_code(stalled) == 1006
        assert toy.hub.counters.ended == {"too slow": 1}
        toy.change()
        await quick.recv()


async def test_sockets_that_die_leave_nothing_behind(toy: Toy, toy_port: int) -> None:
    tasks = len(asyncio.all_tasks())
    peers = [
        await connect(f"ws://{HOST}:{toy_port}/graphql", subprotocols=PROTOCOL, host="127.0.0.1") for _ in range(50)
    ]
    for peer in peers:
        await peer.send('{"type":"connection_init"}')
        await peer.recv()
        await watch(peer)
    assert len(toy.hub.viewers) == 50
    for peer in peers:
        peer.transport.abort()
    await comes_about(lambda: not toy.hub.viewers and len(asyncio.all_tasks()) <= tasks)

    await feeds_left(toy)
    assert not toy.notes.callbacks


async def raw(port: int, data: bytes) -> bytes:
    """What comes back for raw bytes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        async with patience():
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_without_end_is_cut_off(toy_port: int) -> None:
    answer = await raw(toy_port, b"GET /graphql HTTP/1.1\r\nhost: x\r\nx-pad: " + b"x" * (2 * MAX_HEAD))

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


class Impatient(BoundedHttp):
    """The gateway's protocol, waiting less."""

    head_s = 0.1


async def test_a_head_that_does_not_come_is_not_awaited_for_ever(toy: Toy) -> None:
    async with served(toy.app, http=Impatient) as port:
        assert await raw(port, b"GET /graphql HTTP/1.1\r\nhost:") == b""


class Crowded(BoundedHttp):
    """The gateway's protocol, with room for three who ask nothing."""

    most_idle = 3
    idle: ClassVar[dict[HttpToolsProtocol, None]] = {}


async def test_of_too_many_who_ask_nothing_the_one_of_the_longest_silence_is_closed(toy: Toy) -> None:
    """Connections are the process's files: a flood of silent ones kept everybody out."""
    asked = f"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nhost: {HOST}\r\n".encode()
    async with served(toy.app, http=Crowded) as port, dialled(port) as watching, contextlib.AsyncExitStack() as stack:
        peers = []
        for said in (asked + b"\r\n", b"", b"", asked, b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(said)
            await writer.drain()
            peers.append((reader, writer))
            if said.endswith(b"\r\n\r\n"):
                await reader.readuntil(b"}}")
            await asyncio.sleep(0.02)

        async with patience():
            assert [await peers[number][0].read() for number in (0, 1)] == [b"", b""]
        for (reader, writer), rest in zip(peers[2:], (asked + b"\r\n", b"\r\n", asked + b"\r\n"), strict=True):
            writer.write(rest)
            async with patience():
                assert (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 200")
        assert await watch(watching)
        assert len(Crowded.idle) == 3
    assert Crowded.idle == {}


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_400(toy_port: int, data: bytes) -> None:
    assert (await raw(toy_port, data)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(("named", "status"), [(HOST, b"200"), ("another.ops-com.localhost", b"400")])
async def test_a_target_that_names_another_host_than_the_header_is_refused(
    toy_port: int, named: str, status: bytes
) -> None:
    """RFC 9112, 3.2.2: of a proxy and a server one may go by the target and one by the header. Once only the header counted."""
    head = f"GET http://{named}/graphql?query=%7Bhello%7D HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n"

    assert (await raw(toy_port, head.encode())).startswith(b"HTTP/1.1 " + status)


async def test_a_target_that_names_the_host_does_not_stand_for_the_header(toy_port: int) -> None:
    """RFC 9112, 3.2: once such a request was answered, and a proxy in between may take it for another host's."""
    head = f"GET http://{HOST}/graphql?query=%7Bhello%7D HTTP/1.1\r\nconnection: close\r\n\r\n"

    assert (await raw(toy_port, head.encode())).startswith(b"HTTP/1.1 400")


async def test_a_body_of_two_megabytes_is_a_413_that_the_client_can_read(toy_port: int) -> None:
    body = b'{"query":"{ hello }","pad":"' + b"x" * 2_000_000 + b'"}'
    head = f"POST /graphql HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"

    answer = await raw(toy_port, head.encode() + body)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"BODY_TOO_LARGE" in answer


async def test_at_the_end_viewers_are_sent_away_with_1012_before_uvicorn_closes(toy: Toy) -> None:
    marks: list[str] = []

    def start(config: uvicorn.Config) -> uvicorn.Server:
        return DrainingServer(config, toy.hub, Drain(accept=0.05, slices=0.3), lambda: marks.append("unready"))

    async with contextlib.AsyncExitStack() as stack:
        async with served(toy.app, start) as port:
            peers = [await stack.enter_async_context(dialled(port)) for _ in range(6)]
            for peer in peers:
                await watch(peer)
            endings = [asyncio.create_task(close_code(peer)) for peer in peers]
        codes = await asyncio.gather(*endings)

    assert marks == ["unready"]
    assert codes == [1012] * 6
    assert toy.hub.counters.ended["restart"] == 6


async def test_ctrl_c_sends_everybody_away_at_once(toy: Toy) -> None:
    servers: list[DrainingServer] = []
    drain = Drain(accept=10 * PATIENCE_S, slices=10 * PATIENCE_S)

    def start(config: uvicorn.Config) -> uvicorn.Server:
        servers.append(DrainingServer(config, toy.hub, drain, lambda: None))
        return servers[-1]

    async with contextlib.AsyncExitStack() as stack:
        async with served(toy.app, start) as port:
            peer = await stack.enter_async_context(dialled(port))
            await watch(peer)
            ending = asyncio.create_task(close_code(peer))
            servers[0].handle_exit(signal.SIGINT, None)

        assert await ending == 1012


def test_a_process_may_open_as_many_files_as_the_machine_lets_it() -> None:
    """By 1,024, with which most processes begin, a gateway had a thousand viewers and no room for one more."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before, most - 1), most))
    try:
        open_many_files()

        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


async def test_health_is_alive_and_ready_until_the_process_leaves() -> None:
    ready = True

    async def is_ready() -> bool:
        return ready

    health = Health(is_ready)
    app = health_app(health, lambda: b"opscom_things 1.0\n", lambda _name: False)

    async def status(path: str) -> int:
        return (await ask(app, headers={}, method="GET", path=path)).status

    assert [await status("/healthz/live"), await status("/healthz/ready")] == [200, 200]
    ready = False
    assert [await status("/healthz/live"), await status("/healthz/ready")] == [200, 503]
    ready = True
    health.leave()
    assert [await status("/healthz/live"), await status("/healthz/ready")] == [200, 503]
