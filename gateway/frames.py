"""Live states written to the socket beside ASGI: a header, what the viewer's client chose, and bytes that all viewers share.

An ASGI ``send`` of a state copies it twice and serialises a frame anew for each viewer. The way past it is a subclass of
uvicorn's sans-I/O WebSocket protocol, a private class: what it must have is checked at the start, and without it states go
over ASGI as everything else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog
from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.asgi import Scope

log = structlog.get_logger(__name__)

EXTENSION = "opscom.frames"
METHODS = ("handle_connect", "handle_ping", "resume_writing", "connection_lost")
STATE = ("transport", "writable", "handshake_complete", "close_sent", "disconnected")
TEXT = b"\x81"
ONE_BYTE, TWO_BYTES = 126, 1 << 16
"""Lengths from which on a frame tells its length in two and in eight bytes (RFC 6455, 5.2)."""


class Beside(Protocol):
    """A connection as an outlet sees it that writes states to it beside ASGI."""

    @property
    def is_full(self) -> bool:
        """Whether the peer has more than 64 KiB to read, so that nothing should be written."""
        ...

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back each time it is not full any more."""
        ...


class Frames(Beside, Protocol):
    """A socket. Only whole frames are written, so they mix with those of ASGI."""

    def write_text(self, prefix: bytes, tail: bytes) -> None:
        """Write one text frame; nothing before the upgrade and after the close. Only while not full."""
        ...


def frames_of(scope: Scope) -> Frames | None:
    """The socket of a scope, if the server gives it."""
    found: Frames | None = scope.get("extensions", {}).get(EXTENSION)
    return found


class FramingProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which gives itself to the application."""

    _when_writable: Callable[[], None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether the peer has too much to read."""
        return not self.writable.is_set()

    def write_text(self, prefix: bytes, tail: bytes) -> None:
        """Write one unmasked text frame, if the socket is open."""
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frame_head(len(prefix) + len(tail)) + prefix + tail)

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back each time the socket is not full any more."""
        self._when_writable = callback

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:  # the upgrade was not refused by uvicorn itself; the application has not begun yet
            scope["extensions"][EXTENSION] = self

    @override
    def handle_ping(self) -> None:
        """Answer, unless the peer does not read: then a flood of pings would fill our memory with pongs.

        Of several pings only the last must be answered (RFC 6455, 5.5.3).
        """
        if self.is_full:
            self.conn.data_to_send()
        else:
            super().handle_ping()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._when_writable is not None:
            self._when_writable()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._when_writable = None
        super().connection_lost(exc)


def frame_head(length: int) -> bytes:
    """The head of a final, unmasked text frame with so many bytes."""
    if length < ONE_BYTE:
        return TEXT + bytes((length,))
    if length < TWO_BYTES:
        return TEXT + b"\x7e" + length.to_bytes(2)
    return TEXT + b"\x7f" + length.to_bytes(8)


def framing_protocol(base: type = WebSocketsSansIOProtocol) -> type[FramingProtocol] | None:
    """The protocol to configure uvicorn with; None, and a line of the log, if uvicorn's own is not as it was."""
    names = getattr(getattr(base.__init__, "__code__", None), "co_names", ())  # type: ignore[misc]  # of the class
    missing = [name for name in METHODS if not callable(getattr(base, name, None))]
    missing += [name for name in STATE if name not in names]
    if missing:
        log.warning("frames_over_asgi", missing=missing)
        return None
    return FramingProtocol
