"""Small words for plain ASGI: reading headers, and answering or refusing HTTP and WebSocket alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.operations.errors import Code, Refused, WireError, wire_error

__all__ = [
    "ASGIApp",
    "Header",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "header",
    "headers",
    "refuse",
    "respond",
    "response_start",
    "retry_after",
    "to_body",
]

Header = tuple[bytes, bytes]
JSON = b"application/json; charset=utf-8"


def headers(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header; ``name`` in small letters."""
    return [value for key, value in scope["headers"] if key == name]


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, several of them joined as one list, or None."""
    found = headers(scope, name)
    return b", ".join(found).decode("latin-1") if found else None


def to_body(errors: Sequence[WireError]) -> bytes:
    """A response that has errors and no data."""
    return orjson.dumps({"errors": errors})


def retry_after(error: Refused) -> tuple[Header, ...]:
    """The header that says when to ask again, if the refusal says it."""
    return () if error.retry_after is None else ((b"retry-after", str(error.retry_after).encode()),)


async def respond(send: Send, status: int, body: bytes, extra: Iterable[Header] = (), *, media: bytes = JSON) -> None:
    """Send a whole HTTP response."""
    await send(response_start(status, body, extra, media=media))
    await send({"type": "http.response.body", "body": body})


def response_start(status: int, body: bytes, extra: Iterable[Header] = (), *, media: bytes = JSON) -> Message:
    """The message that begins the response with this body."""
    fixed = [(b"content-type", media), (b"content-length", str(len(body)).encode())]
    return {"type": "http.response.start", "status": status, "headers": [*fixed, *extra]}


async def refuse(
    scope: Scope, send: Send, status: int, code: Code, message: str, *, extra: Iterable[Header] = ()
) -> None:
    """Refuse a request with a coded error; a WebSocket before its upgrade, so that the client sees the status."""
    body = to_body([wire_error(code, message)])
    if scope["type"] == "http":
        await respond(send, status, body, (*NOT_STORED, *extra))
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    fixed = [(b"content-type", JSON), (b"content-length", str(len(body)).encode()), *NOT_STORED, *extra]
    await send({"type": "websocket.http.response.start", "status": status, "headers": fixed})
    await send({"type": "websocket.http.response.body", "body": body})


NOT_STORED: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""Headers of every answer that is about one request only."""
