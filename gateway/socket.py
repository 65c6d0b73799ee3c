"""A viewer by WebSocket, and how this server speaks to it. What is said when is in ``websockets``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from typing_extensions import override

from gateway.asgi import Message, Send
from gateway.frames import Frames
from gateway.live.hub import Hub
from gateway.live.outlet import AsgiOutlet, DirectOutlet
from gateway.live.payload import Payload
from gateway.live.viewer import Viewer, Watch
from schema.operations.errors import WireError

HEARTBEAT_S = 25.0
PONG: Message = {"type": "websocket.send", "text": '{"type":"pong"}'}
"""The protocol allows an unasked pong in either direction; nobody must answer it."""


def to_text(value: object) -> str:
    """A value as JSON text."""
    return orjson.dumps(value).decode()


class SocketViewer(Viewer):
    """One socket: any number of live operations, each under the id its client chose."""

    silence_s = HEARTBEAT_S
    transport = "websocket"

    def __init__(self, hub: Hub, environment_id: UUID, address: str, send: Send, frames: Frames | None = None) -> None:
        super().__init__(environment_id, address, hub.counters)
        self._hub = hub
        self._send = send
        self._frames = frames
        self._telling: set[asyncio.Task[None]] = set()
        by_asgi = AsgiOutlet(send, when_clear=self.caught_up, when_lost=self._lost)
        self.outlet = by_asgi if frames is None else DirectOutlet(by_asgi, frames, when_clear=self.caught_up)

    async def tell(self, said: Mapping[str, object]) -> None:
        """Say something that must not be lost; waits while the peer does not read."""
        await self.tell_text(to_text(said))

    async def tell_text(self, text: str) -> None:
        """The same for what is JSON text already."""
        await self._send({"type": "websocket.send", "text": text})

    @override
    def write_state(self, watch: Watch, payload: Payload) -> None:
        if self._frames is None:
            super().write_state(watch, payload)
        else:
            self._frames.write_text(watch.prefix, payload.tail)

    @override
    def state_message(self, watch: Watch, payload: Payload) -> Message:
        return {"type": "websocket.send", "text": (watch.prefix + payload.tail).decode()}

    @override
    def heartbeat(self) -> Message:
        return PONG

    @override
    def farewell(self, code: int, reason: str) -> Message:
        return {"type": "websocket.close", "code": code, "reason": reason}

    @override
    def refuse(self, watch: Watch, errors: Sequence[WireError]) -> None:
        self.watches.pop(watch.name, None)
        task = asyncio.get_running_loop().create_task(self._tell_or_lose(watch.name, errors))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_or_lose(self, name: str, errors: Sequence[WireError]) -> None:
        try:
            await self.tell({"id": name, "type": "error", "payload": errors})
        except OSError:
            self._lost()

    def _lost(self) -> None:
        self._hub.leave(self, "lost")
