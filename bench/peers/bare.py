"""The floor under everything: constant bytes over HTTP, and a loop that sends one prebuilt frame to every socket."""

from __future__ import annotations

import asyncio

import orjson

from gateway.asgi import ASGIApp, Message, Receive, Scope, Send, respond

EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
SHOWN = ("name", "mapColor", "occupancy")


def constant_app(body: bytes) -> ASGIApp:
    """Answers everything with the same bytes."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, body)

    return app


def live_state(body: bytes) -> bytes:
    """The state that a viewer of the live map gets, made from the answer to the map query."""
    groups = orjson.loads(body)["data"]["lotGroups"]
    pins = [{name: group[name] for name in SHOWN} for group in groups]
    for pin in pins:
        del pin["occupancy"]["observedAt"]
    return orjson.dumps({"data": {"occupancy": {"pins": pins}}})


def live_message(body: bytes) -> bytes:
    """The same as a WebSocket message, with an id as long as clients choose them."""
    return b'{"id":"%s","type":"next","payload":%s}' % (b"1" * 36, live_state(body))


class Loop:
    """On each note sends the same message to all, one ASGI ``send`` after the other.

    Nothing is read or executed, nobody can be behind: only what uvicorn and the kernel cost.
    """

    def __init__(self, message: Message) -> None:
        self.message = message
        self.sends: dict[Send, None] = {}
        self._noted = asyncio.Event()

    def note(self) -> None:
        """Something changed."""
        self._noted.set()

    async def run(self) -> None:
        """Send on every note until cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            for send in list(self.sends):
                await send(self.message)

    async def stay(self, send: Send, receive: Receive, last: str) -> None:
        """Send a first message, then one with each note, until the peer is gone."""
        await send(self.message)
        self.sends[send] = None
        while (await receive())["type"] != last:
            pass
        del self.sends[send]


class Frames(Loop):
    """For sockets: the words of the protocol before it."""

    def __init__(self, message: bytes) -> None:
        super().__init__({"type": "websocket.send", "text": message.decode()})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        await receive()
        await self.stay(send, receive, "websocket.disconnect")


class Streams(Loop):
    """For streams of server-sent events."""

    def __init__(self, event: bytes) -> None:
        super().__init__({"type": "http.response.body", "body": event, "more_body": True})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        await self.stay(send, receive, "http.disconnect")
