"""A crowd of viewers in a process of its own: graphql-transport-ws clients on picows that count what they are sent.

When each of them has its first state, and again for each further state once the last of them has it, it prints how long
the message was.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from uuid import uuid4

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from typing_extensions import override

from bench.cores import LOAD_CORE, pinned
from bench.serving import Server
from opscom.embedded.child import start_child, stop_child

AT_ONCE = 32
HEAD = 80
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many viewers of which site, and what they subscribe to, in turn."""

    host: str
    count: int
    subscriptions: Sequence[str]


class Watching:
    """A crowd that has joined."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    async def all_have_it(self) -> int:
        """Return when each viewer has one more state: its bytes. Raises TimeoutError, RuntimeError if one was sent away."""
        said, errors = self._child.stdout, self._child.stderr
        if said is None or errors is None:
            msg = "the crowd was started without pipes"
            raise RuntimeError(msg)
        async with asyncio.timeout(PATIENCE_S):
            line = await asyncio.to_thread(said.readline)
        if not line:
            raise RuntimeError(errors.read().decode())
        return int(line)


@asynccontextmanager
async def watching(server: Server, crowd: Crowd) -> AsyncIterator[Watching]:
    """Let a crowd join from the other core; it leaves at the end."""
    facts = json.dumps([server.port, asdict(crowd)])
    with pinned(LOAD_CORE):
        child = start_child([sys.executable, "-m", "bench.viewers", facts], output=subprocess.PIPE)
    try:
        joined = Watching(child)
        await joined.all_have_it()
        yield joined
    finally:
        stop_child(child, signal.SIGTERM)


class _Viewer(WSListener):
    """Says the words of the protocol and counts states by their heads."""

    def __init__(self, subscription: str, has_state: Callable[[int, int], None]) -> None:
        super().__init__()
        self._subscription = subscription
        self._has_state = has_state
        self._states = 0

    @override
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, b'{"type":"connection_init"}')

    @override
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        head = bytes(frame.get_payload_as_memoryview()[:HEAD])
        if b'"next"' in head:
            self._states += 1
            self._has_state(self._states, frame.payload_size)
        elif b'"connection_ack"' in head:
            said = {"id": str(uuid4()), "type": "subscribe", "payload": {"query": self._subscription}}
            transport.send(WSMsgType.TEXT, json.dumps(said).encode())
        elif b'"ping"' in head:
            transport.send(WSMsgType.TEXT, b'{"type":"pong"}')
        elif b'"pong"' not in head:
            sys.exit(frame.get_payload_as_bytes().decode(errors="replace"))

    @override
    def on_ws_disconnected(self, transport: WSTransport) -> None:
        sys.exit("a viewer was sent away")


async def _join(port: int, crowd: Crowd) -> None:
    states: Counter[int] = Counter()

    def has_state(number: int, size: int) -> None:
        states[number] += 1
        if states[number] == crowd.count:
            print(size, flush=True)

    door = asyncio.Semaphore(AT_ONCE)

    async def enter(position: int) -> None:
        subscription = crowd.subscriptions[position % len(crowd.subscriptions)]
        async with door:
            await ws_connect(
                partial(_Viewer, subscription, has_state),
                f"ws://127.0.0.1:{port}/graphql",
                websocket_handshake_timeout=PATIENCE_S,
                extra_headers={"Host": crowd.host, "Sec-WebSocket-Protocol": "graphql-transport-ws"},
            )

    await asyncio.gather(*(enter(position) for position in range(crowd.count)))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    _port, _crowd = json.loads(sys.argv[1])
    uvloop.run(_join(_port, Crowd(**_crowd)))
