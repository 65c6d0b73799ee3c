"""The floor under everything: constant bytes over HTTP, and a loop that sends one prebuilt frame to every socket."""

from __future__ import annotations

import asyncio

import orjson

from gateway.asgi import ASGIApp, Message, Receive, Scope, Send, respond

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


class Frames:
    """A WebSocket app that on each note sends the same frame to all, one ASGI ``send`` after the other.

    Nothing is read or executed, nobody can be behind: only what uvicorn and the kernel cost.
    """

    def __init__(self, message: bytes) -> None:
        self._frame: Message = {"type": "websocket.send", "text": message.decode()}
        self._sends: set[Send] = set()
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
                await send(self._frame)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket: the words of the protocol, a first frame, then nothing but notes."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        await receive()
        await send(self._frame)
        self._sends.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self._sends.discard(send)
