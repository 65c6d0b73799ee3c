"""A closed-loop HTTP load in a process of its own: some connections, each with one request under way, for some seconds."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

CONNECTIONS = 16
WARM_UP_S = 1.0
SERVER_CORE, LOAD_CORE = {0}, {1}


@dataclass(frozen=True, slots=True)
class Load:
    """One request, sent again and again to a port on loopback."""

    port: int
    host: str
    path: str
    body: str = ""
    seconds: float = 5.0

    def request(self) -> bytes:
        """The request's bytes: a GET without a body, else a POST of JSON."""
        verb = "POST" if self.body else "GET"
        head = f"{verb} {self.path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: application/json\r\n"
        if not self.body:
            return f"{head}\r\n".encode()
        body = self.body.encode()
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def rate(load: Load) -> float:
    """Answers a second, measured from the other core. Raises RuntimeError if any answer is not 200."""
    facts = json.dumps({name: getattr(load, name) for name in load.__slots__})
    done = subprocess.run([sys.executable, "-m", "bench.load", facts], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout)


class _Client(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is whole."""

    def __init__(self, request: bytes, answered: list[int]) -> None:
        self._request = request
        self._answered = answered
        self._buffer = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")))
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"{head.decode()}\n{rest[:300].decode()}")
        self._buffer = b""
        self._answered[0] += 1
        self._transport.write(self._request)


async def _run(load: Load) -> float:
    answered = [0]
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Client(load.request(), answered), "127.0.0.1", load.port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(WARM_UP_S)
    before, started = answered[0], time.perf_counter()
    await asyncio.sleep(load.seconds)
    counted, took = answered[0] - before, time.perf_counter() - started
    for transport, _ in made:
        transport.close()
    return counted / took


if __name__ == "__main__":
    os.sched_setaffinity(0, LOAD_CORE)
    print(asyncio.run(_run(Load(**json.loads(sys.argv[1])))))
