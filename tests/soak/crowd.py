"""A crowd of sockets on picows, in the test's own process: some stop reading, some come and go, all remember what they saw."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, cast

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from typing_extensions import override

HEAD = b'"payload":'
AT_ONCE = 50
SMALL_BUFFER = 4 << 10
"""Of a peer that stops reading: a kernel with much memory would hide for minutes that nobody reads."""
PAUSE_S = 0.2


class Watcher(WSListener):
    """One viewer. ``state`` is the payload that came last."""

    def __init__(self, subscription: str) -> None:
        super().__init__()
        self.state = b""
        self.states = 0
        self.errors: list[bytes] = []
        self._subscription = subscription

    @override
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, b'{"type":"connection_init"}')

    @override
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        said = frame.get_payload_as_bytes()
        if b'"next"' in said[:80]:
            self.states += 1
            self.state = said[said.index(HEAD) + len(HEAD) : -1]
        elif b'"connection_ack"' in said[:40]:
            subscribe = {"id": "a", "type": "subscribe", "payload": {"query": self._subscription}}
            transport.send(WSMsgType.TEXT, json.dumps(subscribe).encode())
        elif b'"pong"' not in said[:40] and frame.msg_type is WSMsgType.TEXT:
            self.errors.append(said)


@dataclass
class Crowd:
    """Everybody who watches one map. Who is sent away comes back, as a browser does."""

    host: str
    port: int
    subscription: str
    size: int
    watching: dict[int, tuple[WSTransport, Watcher]] = field(default_factory=dict)
    stalled: list[WSTransport] = field(default_factory=list)
    returns: int = 0
    _names: count[int] = field(default_factory=count)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _is_leaving: bool = False

    async def come(self) -> None:
        """Everybody joins, and one in a hundred stops reading at once."""
        door = asyncio.Semaphore(AT_ONCE)

        async def enter() -> None:
            async with door:
                await self._join()

        await asyncio.gather(*(enter() for _ in range(self.size)), *(self._stall() for _ in range(self.size // 100)))

    async def churn(self) -> None:
        """Each second one in a hundred goes and another one comes, until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            for name in random.sample(sorted(self.watching), max(1, self.size // 100)):
                transport, _ = self.watching[name]
                transport.disconnect()  # `_follow` comes back in its place

    async def leave(self) -> None:
        """Everybody goes."""
        self._is_leaving = True
        for transport in [*(transport for transport, _ in self.watching.values()), *self.stalled]:
            transport.disconnect()
        await asyncio.gather(*self._tasks)

    def states(self) -> list[bytes]:
        """What everybody who reads has on the screen."""
        return [watcher.state for _, watcher in self.watching.values()]

    def errors(self) -> list[bytes]:
        """What was said to anybody that was no state."""
        return [error for _, watcher in self.watching.values() for error in watcher.errors]

    async def _join(self) -> None:
        transport, watcher = await self._connect()
        name = next(self._names)
        self.watching[name] = transport, watcher
        task = asyncio.create_task(self._follow(name, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, name: int, transport: WSTransport) -> None:
        await cast("Awaitable[None]", transport.wait_disconnected())
        del self.watching[name]
        while not self._is_leaving:
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 - a spread, no secret
            with suppress(WSError, OSError, TimeoutError):
                await self._join()
                self.returns += 1
                return

    async def _stall(self) -> None:
        transport, watcher = await self._connect(small=True)
        while not watcher.states:  # noqa: ASYNC110 - a listener has no event
            await asyncio.sleep(0.01)
        transport.underlying_transport.pause_reading()
        self.stalled.append(transport)

    async def _connect(self, *, small: bool = False) -> tuple[WSTransport, Watcher]:
        def dialled(_url: object) -> socket.socket:
            made = socket.socket()
            if small:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            made.connect(("127.0.0.1", self.port))
            made.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            return made

        how: dict[str, Any] = {"socket_factory": dialled, "websocket_handshake_timeout": 15}
        transport, watcher = await ws_connect(
            partial(Watcher, self.subscription),
            f"ws://127.0.0.1:{self.port}/graphql",
            extra_headers={"Host": f"{self.host}:{self.port}", "Sec-WebSocket-Protocol": "graphql-transport-ws"},
            **how,
        )
        return transport, cast("Watcher", watcher)
