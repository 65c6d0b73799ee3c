"""Running the gateway: uvicorn as it must be configured, its orderly end, and the internal port for health."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvicorn
from typing_extensions import override

from gateway.app import Gateway
from gateway.asgi import ASGIApp
from gateway.frames import framing_protocol
from gateway.health import Health, health_app
from gateway.intake import BoundedHttp
from gateway.live.hub import Hub
from tenants.settings import Settings

MAX_FRAME = 64 << 10
UNREAD_MS = 30_000
"""How long the kernel keeps a connection whose peer takes nothing."""
SEND_BUFFER = 128 << 10
"""What the kernel keeps for a peer that does not read, instead of megabytes; it doubles the number for its own needs."""
KEPT_ALIVE_S = 75
"""How long a silent connection is kept: longer than proxies do (60 s and less), since a request may cross our closing it."""
BACKLOG = 4096
GLANCE_S = 0.05


@dataclass(frozen=True, slots=True)
class Drain:
    """How a process leaves, in seconds.

    ``accept``: it still accepts, though marked unready; ``slices``: the viewers are sent away over this time.
    """

    accept: float = 5.0
    slices: float = 20.0


class DrainingServer(uvicorn.Server):
    """uvicorn closes every connection at once at its end; this one lets the hub send its viewers away before that."""

    def __init__(self, config: uvicorn.Config, hub: Hub, drain: Drain, unready: Callable[[], None]) -> None:
        super().__init__(config)
        self._hub = hub
        self._drain = drain
        self._unready = unready

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._unready()
        leaving = asyncio.create_task(self._let_go())
        while not (self.force_exit or leaving.done()):  # noqa: ASYNC110 - a second signal sets a plain flag
            await asyncio.sleep(GLANCE_S)
        leaving.cancel()
        await asyncio.wait([leaving])
        await super().shutdown(sockets)

    async def _let_go(self) -> None:
        """Accept a while for those who have not heard yet, then send the viewers away.

        A person who pressed Ctrl-C does not wait: SIGINT leaves at once, SIGTERM in order.
        """
        is_hurried = signal.SIGINT in self._captured_signals
        if self._hub.viewers and not is_hurried:
            await asyncio.sleep(self._drain.accept)
        for server in self.servers:
            server.close()
        await self._hub.drain(0 if is_hurried else self._drain.slices)

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but the signals are not raised again at the end: whoever called ``serve`` closes what it opened."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def serve(
    gateway: Gateway,
    settings: Settings,
    *,
    is_ready: Callable[[], Awaitable[bool]],
    drain: Drain | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then leave in order. Raises OSError if a port is taken."""
    open_many_files()
    health = Health(is_ready)
    public = listener(settings.host, settings.port)
    internal = listener(settings.internal_host, settings.internal_port)
    inside = _Inside(config(health_app(health, gateway.metrics.text, gateway.has_certificate)))
    server = DrainingServer(config(gateway, lifespan="on"), gateway.hub, drain or Drain(), health.leave)
    beside = asyncio.create_task(inside.serve([internal]))
    try:
        await server.serve([public])
    finally:
        inside.should_exit = True
        await beside


def open_many_files() -> None:
    """Let this process open as many files as the machine lets it: most begin with 1,024, and each viewer is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # of systems that say "no limit" and have one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def config(app: ASGIApp, *, lifespan: str = "off", http: type[BoundedHttp] = BoundedHttp) -> uvicorn.Config:
    """Uvicorn as the gateway needs it: bounded heads and frames, no compression and no pings for each socket."""
    return uvicorn.Config(
        app,
        loop="auto",
        http=http,
        ws=framing_protocol() or "websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="on" if lifespan == "on" else "off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEPT_ALIVE_S,
        timeout_graceful_shutdown=10,
        backlog=BACKLOG,
    )


def listener(host: str, port: int) -> socket.socket:
    """A listening socket whose connections hold little for a peer that takes nothing, and end after half a minute of it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    listening.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listening


class _Inside(uvicorn.Server):
    """The server of the internal port: it ends when the public one has ended, and takes no signals."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
