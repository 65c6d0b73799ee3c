"""The internal port: metrics, health, and who may have a certificate. The process is alive as long as it answers, ready while it may be sent new clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from gateway.asgi import ASGIApp
from gateway.metrics import MEDIA_TYPE


class Health:
    """Whether the process is ready: what it needs is there, and it is not leaving."""

    def __init__(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        self._is_ready = is_ready
        self._is_leaving = False

    def leave(self) -> None:
        """Send no new clients any more."""
        self._is_leaving = True

    async def ready(self) -> bool:
        """Whether to send new clients."""
        return not self._is_leaving and await self._is_ready()


def health_app(health: Health, metrics: Callable[[], bytes], has_certificate: Callable[[str], bool]) -> ASGIApp:
    """The app of the internal port: health, metrics in Prometheus' text format, and what a TLS edge asks (`tls.py`)."""

    async def live(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        return PlainTextResponse("ready\n") if await health.ready() else PlainTextResponse("not ready\n", 503)

    async def scrape(_request: Request) -> Response:
        return Response(metrics(), media_type=MEDIA_TYPE)

    async def ask(request: Request) -> Response:
        known = has_certificate(request.query_params.get("domain", ""))
        return PlainTextResponse("yes\n") if known else PlainTextResponse("no\n", 404)

    return Router(
        routes=[
            Route("/metrics", scrape),
            Route("/healthz/live", live),
            Route("/healthz/ready", ready),
            Route("/tls/ask", ask),
        ]
    )
