"""Bare loops: one prebuilt message of the map to every socket or stream in turn, with nothing read and nothing executed."""

from __future__ import annotations

import asyncio

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from typing_extensions import override

from gateway.asgi import Receive, Scope, Send

HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class _Peer(WSListener):
    """Answers the two words of the protocol, then hears nothing."""

    def __init__(self, loop: Sockets) -> None:
        super().__init__()
        self._loop = loop

    @override
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        said = frame.get_payload_as_bytes()
        if b"connection_init" in said:
            transport.send(WSMsgType.TEXT, b'{"type":"connection_ack"}')
        elif b"subscribe" in said:
            transport.send(WSMsgType.TEXT, self._loop.message)
            self._loop.transports[transport] = None

    @override
    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._loop.transports.pop(transport, None)


class Sockets:
    """A server of picows that on each note writes the same message to all its sockets."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.transports: dict[WSTransport, None] = {}

    def note(self) -> None:
        """Something changed."""
        for transport in list(self.transports):
            transport.send(WSMsgType.TEXT, self.message)

    async def serve(self, port: int) -> None:
        """Serve until cancelled."""

        def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "graphql-transport-ws"})
            return WSUpgradeResponseWithListener(response, _Peer(self))

        server = await ws_create_server(accept, "127.0.0.1", port, backlog=4096)
        async with server:
            await server.serve_forever()


class Streams:
    """An ASGI app that on each note sends the same event to all its streams, one body message after the other."""

    def __init__(self, event: bytes) -> None:
        self._event = event
        self._sends: dict[Send, None] = {}
        self._noted = asyncio.Event()

    def note(self) -> None:
        """Something changed."""
        self._noted.set()

    async def run(self) -> None:
        """Send on every note until cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            for send in list(self._sends):
                await send({"type": "http.response.body", "body": self._event, "more_body": True})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream: a first event, then nothing but notes."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": self._event, "more_body": True})
        self._sends[send] = None
        while (await receive())["type"] != "http.disconnect":
            pass
        del self._sends[send]
