"""States written beside ASGI: whole frames, in order with everything else, and only where uvicorn is as it was."""

import asyncio
import json

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol, State

from gateway.frames import FramingProtocol, frame_head, framing_protocol
from gateway.server import config
from tests.gateway.test_server import close_code, dialled, watch
from tests.gateway.toy import Quiet, Toy, served


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frame_is_read_as_it_was_written(length: int) -> None:
    """By the library `websockets`, which is not ours."""
    reading = Protocol(CLIENT, state=State.OPEN, max_size=None)
    reading.receive_data(frame_head(length) + b"x" * length)

    (frame,) = reading.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * length)


def test_the_servers_protocol_gives_itself_to_the_application() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        """Never called."""

    assert framing_protocol() is FramingProtocol
    assert config(app).ws is FramingProtocol


def test_where_the_library_is_another_one_states_go_over_asgi() -> None:
    class Another(asyncio.Protocol):
        """A protocol without what is needed."""

    with capture_logs() as logged:
        found = framing_protocol(Another)

    assert found is None
    assert logged[0]["event"] == "frames_over_asgi"
    assert {"handle_connect", "handle_ping", "writable"} <= set(logged[0]["missing"])


@pytest.mark.parametrize("protocol", [FramingProtocol, WebSocketsSansIOProtocol])
async def test_both_ways_show_the_same_and_mix_with_what_is_said_over_asgi(
    toy: Toy, protocol: type[WebSocketsSansIOProtocol]
) -> None:
    def start(usual: uvicorn.Config) -> uvicorn.Server:
        usual.ws = protocol
        return Quiet(usual)

    async with served(toy.app, start) as port, dialled(port) as peer:
        first = await watch(peer, "é" * 40)
        for count in range(1, 4):
            await peer.send(json.dumps({"type": "ping", "payload": {"n": count}}))
            assert json.loads(await peer.recv()) == {"type": "pong", "payload": {"n": count}}
            toy.change()
            state = json.loads(await peer.recv())
            assert state == {"id": "é" * 40, "type": "next", "payload": {"data": {"state": {"count": count}}}}
        await toy.hub.drain(0)

        assert await close_code(peer) == 1012
    assert first == {"id": "é" * 40, "type": "next", "payload": {"data": {"state": {"count": 0}}}}


async def test_nothing_is_written_after_the_close(toy: Toy, toy_port: int) -> None:
    async with dialled(toy_port) as peer:
        await watch(peer)
        viewer = next(iter(toy.hub.viewers))
        viewer.close(1012, "restart")
        toy.change()

        assert await close_code(peer) == 1012
