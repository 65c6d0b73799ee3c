"""The routes of one API: the door that HTTP requests and sockets come in by."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.asgi import Receive, Scope, Send
from gateway.endpoint import Endpoint
from gateway.http import serve_http
from gateway.websockets import serve_websocket


def graphql_routes(path: str, endpoint: Endpoint) -> list[BaseRoute]:
    """The routes of an API at a path, for HTTP and WebSocket."""
    app = _Door(endpoint)
    return [Route(path, app), WebSocketRoute(path, app)]


class _Door:
    """A class, since Starlette takes a function for a view of its own kind, and an instance for an ASGI app."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = serve_websocket if scope["type"] == "websocket" else serve_http
        await serve(self._endpoint, scope, receive, send)
