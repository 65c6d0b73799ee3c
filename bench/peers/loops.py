"""The floor under the live map: one prebuilt message to every socket in turn, by a server of picows."""

from __future__ import annotations

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
