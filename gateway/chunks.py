"""Live states of streams written to the socket beside ASGI: one chunk of the response, the same bytes for all viewers.

The same as ``frames`` does for WebSockets, by the response of uvicorn's that is under way, whose attributes are private: they
are looked for at the start, and without them states go over ASGI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.asgi import Scope
from gateway.frames import Beside

log = structlog.get_logger(__name__)

EXTENSION = "opscom.chunks"
STATE = ("transport", "flow", "disconnected", "response_started", "response_complete", "chunked_encoding")


class Chunks(Beside, Protocol):
    """A chunked response as an outlet sees it. Only whole chunks are written, so they mix with those of ASGI."""

    def write_chunk(self, chunk: bytes) -> None:
        """Write a chunk, framed as ``chunk_of`` does; nothing after the end. Only while not full."""
        ...


class CycleChunks:
    """The response to one request."""

    __slots__ = ("_cycle", "_when_writable")

    def __init__(self, cycle: RequestResponseCycle, when_writable: Callable[[Callable[[], None]], None]) -> None:
        """``when_writable`` takes what is to be called back each time the connection is not full any more."""
        self._cycle = cycle
        self._when_writable = when_writable

    @property
    def is_chunked(self) -> bool:
        """Whether the head was sent, and said that chunks follow."""
        return bool(self._cycle.response_started and self._cycle.chunked_encoding)

    @property
    def is_full(self) -> bool:
        """Whether the peer has too much to read."""
        return self._cycle.flow.write_paused

    def write_chunk(self, chunk: bytes) -> None:
        """Write a chunk, if the response is under way."""
        cycle = self._cycle
        if not (cycle.response_complete or cycle.disconnected or cycle.transport.is_closing()):
            cycle.transport.write(chunk)

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back each time the connection is not full any more."""
        self._when_writable(callback)


def chunk_of(body: bytes) -> bytes:
    """A part of a body as a chunk (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def chunks_of(scope: Scope) -> Chunks | None:
    """The response of a scope after its head, if the server gives it and chunks follow."""
    found: CycleChunks | None = scope.get("extensions", {}).get(EXTENSION)
    return found if found is not None and found.is_chunked else None


def has_chunks(cycle: type = RequestResponseCycle) -> bool:
    """Whether uvicorn's response is as it was; else no, and a line of the log."""
    names = getattr(getattr(cycle.__init__, "__code__", None), "co_names", ())  # type: ignore[misc]  # of the class
    missing = [name for name in STATE if name not in names]
    if missing:
        log.warning("chunks_over_asgi", missing=missing)
    return not missing
