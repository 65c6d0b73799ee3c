"""The internal port of a worker or dispatcher: health, and metrics in Prometheus' text format."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from typing_extensions import override

if TYPE_CHECKING:
    from starlette.requests import Request

    from tenants.settings import Settings

FRESH = timedelta(seconds=30)
"""How old a dispatcher's newest look may be. Its longest pause is ten seconds, a database that is away takes five more."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process tells of itself: alive while a new start would help nothing, ready while it can do its work."""

    is_alive: Callable[[], bool]
    is_ready: Callable[[], Awaitable[bool]]
    metrics: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Looks:
    """When a dispatcher looked at each ledger last: by ledger the end of every look, and of those that found it there."""

    ended: dict[str, datetime] = field(default_factory=dict)
    reached: dict[str, datetime] = field(default_factory=dict)

    def note(self, ledger: str, at: datetime, *, was_reached: bool) -> None:
        """A look has ended."""
        self.ended[ledger] = at
        if was_reached:
            self.reached[ledger] = at


def is_fresh(looks: dict[str, datetime], now: datetime) -> bool:
    """Whether the newest of these looks is young: a ledger that is away says nothing of a dispatcher that sees others."""
    return any(now - at < FRESH for at in looks.values())


@contextlib.asynccontextmanager
async def answering(settings: Settings, vitals: Vitals) -> AsyncIterator[None]:
    """Meanwhile answer on the port for jobs, if the settings name one. Raises OSError if it is taken."""
    if settings.jobs_port is None:
        yield
        return
    family = socket.AF_INET6 if ":" in settings.internal_host else socket.AF_INET
    listening = socket.create_server((settings.internal_host, settings.jobs_port), family=family)
    config = uvicorn.Config(_app(vitals), ws="none", lifespan="off", access_log=False, log_config=None)
    inside = _Inside(config)
    beside = asyncio.create_task(inside.serve([listening]))
    try:
        yield
    finally:
        inside.should_exit = True
        await beside


def _app(vitals: Vitals) -> Router:
    async def live(_request: Request) -> Response:
        return PlainTextResponse("alive\n") if vitals.is_alive() else PlainTextResponse("not alive\n", 503)

    async def ready(_request: Request) -> Response:
        return PlainTextResponse("ready\n") if await vitals.is_ready() else PlainTextResponse("not ready\n", 503)

    async def scrape(_request: Request) -> Response:
        return Response(await vitals.metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Router(routes=[Route("/metrics", scrape), Route("/healthz/live", live), Route("/healthz/ready", ready)])


class _Inside(uvicorn.Server):
    """It ends when the work has ended, and takes no signals."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
