"""A crowd of viewers in a process of its own: graphql-transport-ws clients on picows, or readers of event streams.

When each of them has its first state, and again for each further one once the last of them has it, it prints how long the
message was and when it reached whom. On SIGUSR1 one in a hundred stops reading; on SIGUSR2 it prints what all of them have
on their screens. Who is sent away goes to the next port, as clients go to another process behind a load balancer.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from time import time
from typing import Any, cast
from uuid import uuid4

import uvloop
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from typing_extensions import override

from bench.cores import LOAD_CORE, pinned
from opscom.embedded.child import start_child, stop_child

AT_ONCE = 32
HEAD = 80
SHOWN = 200
"""Of thousands of arrivals so many are told, at even steps, and the last one: a line fits into a pipe."""
PATIENCE_S = 120.0
SMALL_BUFFER = 4 << 10


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many viewers of which site, what they subscribe to, in turn, and over what: ``websocket`` or ``sse``.

    ``ports``: where they go, and where to when they are sent away.
    """

    host: str
    count: int
    subscriptions: Sequence[str]
    ports: Sequence[int]
    over: str = "websocket"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A state that all have: its bytes, and when they got it (seconds since 1970, sorted; a sample of many)."""

    size: int
    at: Sequence[float]


@dataclass(frozen=True, slots=True)
class Screens:
    """What all have: how many are connected, and the different states they show, as hashes."""

    connected: int
    shown: Sequence[str]


class Watching:
    """A crowd that has joined."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    async def all_have_it(self) -> Arrived:
        """Return when each viewer has one more state. Raises TimeoutError, RuntimeError if one was sent away for good."""
        return Arrived(**await self._said())

    def stall(self) -> None:
        """Let one viewer in a hundred stop reading."""
        self._child.send_signal(signal.SIGUSR1)

    async def screens(self) -> Screens:
        """What everybody shows now."""
        self._child.send_signal(signal.SIGUSR2)
        while "connected" not in (said := await self._said()):
            pass
        return Screens(**said)

    async def _said(self) -> dict[str, Any]:
        said, errors = self._child.stdout, self._child.stderr
        if said is None or errors is None:
            msg = "the crowd was started without pipes"
            raise RuntimeError(msg)
        async with asyncio.timeout(PATIENCE_S):
            line = await asyncio.to_thread(said.readline)
        if not line:
            raise RuntimeError(errors.read().decode())
        facts: dict[str, Any] = json.loads(line)
        return facts


@asynccontextmanager
async def watching(crowd: Crowd) -> AsyncIterator[Watching]:
    """Let a crowd join from the other core; it leaves at the end."""
    with pinned(LOAD_CORE):
        command = [sys.executable, "-m", "bench.viewers", json.dumps(asdict(crowd))]
        child = start_child(command, output=subprocess.PIPE)
    try:
        joined = Watching(child)
        await joined.all_have_it()
        yield joined
    finally:
        stop_child(child, signal.SIGTERM)


class _Scores:
    """Who has how many states. ``reading`` viewers are waited for."""

    def __init__(self, count: int) -> None:
        self.reading = count
        self.is_moving = False
        self._arrivals: defaultdict[int, list[float]] = defaultdict(list)

    def add(self, number: int, size: int) -> None:
        """A viewer has its ``number``th state."""
        if self.is_moving:
            return
        arrivals = self._arrivals[number]
        arrivals.append(time())
        if len(arrivals) == self.reading:
            del self._arrivals[number]
            arrivals.sort()
            step = max(1, len(arrivals) // SHOWN)
            print(json.dumps({"size": size, "at": [*arrivals[::step], arrivals[-1]]}), flush=True)


class _Socket(WSListener):
    """Says the words of the protocol and counts states by their heads."""

    def __init__(self, subscription: str, scores: _Scores) -> None:
        super().__init__()
        self.last = b""
        self.stalls = False
        self._subscription = subscription
        self._scores = scores
        self._states = 0

    @override
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, b'{"type":"connection_init"}')

    @override
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        said = frame.get_payload_as_bytes()
        head = said[:HEAD]
        if b'"next"' in head:
            self._states += 1
            self.last = said
            if not self.stalls:
                self._scores.add(self._states, len(said))
        elif b'"connection_ack"' in head:
            subscribe = {"id": str(uuid4()), "type": "subscribe", "payload": {"query": self._subscription}}
            transport.send(WSMsgType.TEXT, json.dumps(subscribe).encode())
        elif b'"ping"' in head:
            transport.send(WSMsgType.TEXT, b'{"type":"pong"}')
        elif b'"pong"' not in head and frame.msg_type is WSMsgType.TEXT:
            sys.exit(said.decode(errors="replace"))


class _Stream(asyncio.Protocol):
    """Posts a subscription and counts its events."""

    MARK = b"event: next"

    def __init__(self, request: bytes, scores: _Scores) -> None:
        self.answered = asyncio.Event()
        self._request = request
        self._scores = scores
        self._states = 0
        self._rest = b""
        self._size = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        self.answered.set()
        self._size += len(data)
        whole = self._rest + data
        for _ in range(whole.count(self.MARK)):
            self._states += 1
            self._scores.add(self._states, self._size)
            self._size = 0
        self._rest = whole[1 - len(self.MARK) :]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        sys.exit("a viewer was sent away")


class _Joined:
    """Everybody in this process."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._scores = _Scores(crowd.count)
        self._door = asyncio.Semaphore(AT_ONCE)
        self._sockets: dict[int, tuple[WSTransport, _Socket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Join, and stay for ever."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._stall)
        loop.add_signal_handler(signal.SIGUSR2, self._show)
        enter = self._enter if self._crowd.over == "websocket" else self._enter_stream
        await asyncio.gather(*(enter(position, self._crowd.ports[0]) for position in range(self._crowd.count)))
        await loop.create_future()

    async def _enter(self, position: int, port: int) -> None:
        subscription = self._crowd.subscriptions[position % len(self._crowd.subscriptions)]
        dialled: Callable[[object], socket.socket] = partial(_dialled, port, small=position % 100 == 0)
        async with self._door:
            transport, listener = await ws_connect(
                partial(_Socket, subscription, self._scores),
                f"ws://127.0.0.1:{port}/graphql",
                websocket_handshake_timeout=PATIENCE_S,
                extra_headers={"Host": self._crowd.host, "Sec-WebSocket-Protocol": "graphql-transport-ws"},
                socket_factory=dialled,
            )
        self._sockets[position] = transport, cast("_Socket", listener)
        task = asyncio.create_task(self._follow(position, port, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, position: int, port: int, transport: WSTransport) -> None:
        """Wait until the viewer is sent away, and let it go on at the next port."""
        await transport.wait_disconnected()
        del self._sockets[position]
        following = self._crowd.ports[self._crowd.ports.index(port) + 1 :]
        if not following:
            sys.exit("a viewer was sent away")
        self._scores.is_moving = True
        while True:
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311 - a spread, no secret
            with suppress(WSError, OSError, TimeoutError):
                await self._enter(position, following[0])
                return

    async def _enter_stream(self, position: int, port: int) -> None:
        subscription = self._crowd.subscriptions[position % len(self._crowd.subscriptions)]
        body = json.dumps({"query": subscription}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {self._crowd.host}\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        async with self._door:
            made = partial(_Stream, head.encode() + body, self._scores)
            _, stream = await asyncio.get_running_loop().create_connection(made, "127.0.0.1", port)
            await stream.answered.wait()

    def _stall(self) -> None:
        for position, (transport, listener) in self._sockets.items():
            if position % 100 == 0:
                listener.stalls = True
                transport.underlying_transport.pause_reading()
        self._scores.reading = sum(not listener.stalls for _, listener in self._sockets.values())

    def _show(self) -> None:
        shown = {blake2b(_state(s.last), digest_size=8).hexdigest() for _, s in self._sockets.values() if not s.stalls}
        print(json.dumps({"connected": len(self._sockets), "shown": sorted(shown)}), flush=True)


def _dialled(port: int, _url: object, *, small: bool) -> socket.socket:
    """A connection; with a small buffer where its viewer may stop reading: else the kernel would hide it for minutes."""
    made = socket.socket()
    if small:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return made


def _state(message: bytes) -> bytes:
    """What a message says, without the id that its client chose."""
    return message.partition(b'"payload":')[2]


if __name__ == "__main__":
    uvloop.run(_Joined(Crowd(**json.loads(sys.argv[1]))).run())
