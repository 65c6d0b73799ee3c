"""Viewers as browsers are: they follow the map, notice that the connection is gone, come back, and show the last state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.patience import PATIENCE_S

PINS = "pins { id name ... on LotGroup { occupancy { percentFull source stale observedAt } lots { id name } } }"
QUERY = f"{{ {PINS} }}"
SUBSCRIPTION = f"subscription {{ occupancy {{ {PINS} }} }}"
PROTOCOL = Subprotocol("graphql-transport-ws")
PAUSE_S = 0.2
State = list[dict[str, Any]]


@dataclass
class Viewer:
    """Somebody who watches a tenant's map. ``state`` is what the screen shows, ``losses`` how often the line was lost."""

    host: str
    port: int
    over_sse: bool
    state: State | None = None
    losses: int = 0
    following: asyncio.Task[None] | None = field(default=None, repr=False)

    def begin(self) -> None:
        """Watch until ``end``."""
        self.following = asyncio.create_task(self._follow())

    async def end(self) -> None:
        """Watch no more."""
        if self.following is not None:
            self.following.cancel()
            await asyncio.gather(self.following, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                async for state in self._stream() if self.over_sse else self._socket():
                    self.state = state
            except (WebSocketException, httpx2.HTTPError, OSError, TimeoutError):
                pass
            self.losses += 1
            await asyncio.sleep(PAUSE_S)

    async def _socket(self) -> AsyncIterator[State]:
        url = f"ws://{self.host}:{self.port}/graphql"
        async with connect(
            url, host="127.0.0.1", port=self.port, subprotocols=[PROTOCOL], proxy=None, open_timeout=5
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "connection_ack":
                    subscribe = {"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}}
                    await socket.send(json.dumps(subscribe))
                elif message["type"] == "ping":
                    await socket.send(json.dumps({"type": "pong"}))
                elif message["type"] != "next":
                    return
                elif pins := _pins(message["payload"]):
                    yield pins

    async def _stream(self) -> AsyncIterator[State]:
        headers = {"Accept": "text/event-stream", "Host": f"{self.host}:{self.port}"}
        timeout = httpx2.Timeout(5, read=45)
        url = f"http://127.0.0.1:{self.port}/graphql"
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=timeout) as client,
            client.stream("POST", url, json={"query": SUBSCRIPTION}, headers=headers) as answer,
        ):
            async for line in answer.aiter_lines():
                if line.startswith("data:") and (pins := _pins(json.loads(line.removeprefix("data:") or "null"))):
                    yield pins


async def fresh(host: str, port: int) -> State:
    """What the map is now, asked anew: with a cookie, so that no answer is one that is kept for guests."""
    headers = {"Host": f"{host}:{port}", "Cookie": "none=none"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        answer = await client.post(f"http://127.0.0.1:{port}/graphql", json={"query": QUERY})
        pins: State = answer.json()["data"]["pins"]
        return pins


def _pins(payload: dict[str, Any] | None) -> State | None:
    data = (payload or {}).get("data") or {}
    pins: State | None = (data.get("occupancy") or {}).get("pins")
    return pins
