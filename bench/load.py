"""A closed-loop HTTP load in a process of its own: some connections, each with one request under way, for some seconds."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from time import perf_counter
from typing import cast

import uvloop
from typing_extensions import override

from bench.cores import LOAD_CORE, cpu_seconds, pinned
from bench.serving import Server

CONNECTIONS = 16
WARM_UP_S = 0.5
SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """One request, sent again and again to a port on loopback, each time to any of ``hosts``. A body makes it a POST.

    With the cookie of a login (one for each host) the gateway answers each request anew.
    """

    hosts: Sequence[str]
    path: str
    body: str = ""
    cookies: Sequence[str] = ()

    def requests(self) -> list[bytes]:
        """The request for each host."""
        return [self._request(host, cookie) for host, cookie in zip_longest(self.hosts, self.cookies, fillvalue="")]

    def _request(self, host: str, cookie: str) -> bytes:
        head = f"{self.path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        if cookie:
            head += f"Cookie: {cookie}\r\n"
        if not self.body:
            return f"GET {head}\r\n".encode()
        body = self.body.encode()
        return f"POST {head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server answered, and what each answer cost its process."""

    per_second: float
    cpu_us: float


def pace(server: Server, load: Load) -> Pace:
    """Load a server from the other core. Raises RuntimeError if any answer is not a 200."""
    facts = json.dumps([server.port, server.pid, asdict(load)])
    with pinned(LOAD_CORE):
        done = subprocess.run([sys.executable, "-m", "bench.load", facts], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Pace(*json.loads(done.stdout))


class _Client(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is whole."""

    def __init__(self, requests: list[bytes], answered: list[int]) -> None:
        self._requests = requests
        self._answered = answered
        self._buffer = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")))
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 200") or rest.startswith(b'{"errors"'):
            sys.exit(f"{head.decode()}\n{rest[:300].decode()}")
        self._buffer = b""
        self._answered[0] += 1
        self._ask()

    def _ask(self) -> None:
        self._transport.write(random.choice(self._requests))  # noqa: S311 - no secret


async def _run(port: int, pid: int, load: Load) -> Pace:
    answered = [0]
    requests = load.requests()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Client(requests, answered), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(WARM_UP_S)
    before, cpu, began = answered[0], cpu_seconds(pid), perf_counter()
    await asyncio.sleep(SECONDS)
    count, used, took = answered[0] - before, cpu_seconds(pid) - cpu, perf_counter() - began
    for transport, _ in made:
        transport.close()
    return Pace(count / took, used / count * 1e6)


if __name__ == "__main__":
    _port, _pid, _load = json.loads(sys.argv[1])
    found = uvloop.run(_run(_port, _pid, Load(**_load)))
    print(json.dumps([found.per_second, found.cpu_us]))
