"""What a connection may send besides bodies: uvicorn's HTTP protocol with a cap on heads, their time, trailers, and on idlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.chunks import EXTENSION, CycleChunks, has_chunks

MAX_HEAD = 32 << 10
HEAD_S = 15.0
MOST_IDLE = 10_000
"""Connections of a process on which nothing is asked; with one more, the one of the longest silence is closed.

More than a storm of viewers brings before the first of them is read.
"""
FRAMED = 2
"""So many bytes a byte of a body may take with its chunk around it, before the rest counts as head."""
HAS_CHUNKS = has_chunks()


class BoundedHttp(HttpToolsProtocol):
    """httptools keeps a head of any size and waits for it for ever; here it is bounded in both, and those who wait in number.

    What is neither head nor body is counted with them: the lengths of chunks, and trailers, which uvicorn would add to the
    headers of a request that is being answered already.
    """

    head_s = HEAD_S
    most_idle = MOST_IDLE
    idle: ClassVar[dict[HttpToolsProtocol, None]] = {}
    """Of all servers of the process, since what runs out is the process's; the one that waits longest first."""
    _when_writable: Callable[[], None] | None = None
    _beside_body = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        self._when_writable = None
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body <= MAX_HEAD or self.transport.is_closing():
            return
        if self._in_head:
            self.send_400_response("The request's head is too large.")
        else:
            self.transport.close()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._head_timer is None:
            self._await_head()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    @override
    def on_body(self, body: bytes) -> None:
        self._beside_body = max(0, self._beside_body - FRAMED * len(body))
        super().on_body(body)

    @override
    def on_headers_complete(self) -> None:
        self._hear_target()
        self._in_head = False
        self._beside_body = 0
        self._head_is_here()
        super().on_headers_complete()
        if HAS_CHUNKS and self.cycle is not None:
            # The application has not begun yet. A response of its own for each of several requests of a connection.
            chunks: Any = CycleChunks(self.cycle, self._call_when_writable)
            self.cycle.scope["extensions"] = {EXTENSION: chunks}

    @override
    def on_response_complete(self) -> None:
        self._when_writable = None
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:  # no request waits behind this one
            self._count_as_idle()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._when_writable is not None:
            self._when_writable()

    def _call_when_writable(self, callback: Callable[[], None]) -> None:
        self._when_writable = callback

    def _hear_target(self) -> None:
        """A target in absolute form names the host once more (RFC 9112, 3.2.2): what it says beside the header is heard too.

        It does not stand for the header, without which a request is refused (RFC 9112, 3.2).
        """
        if not self.url.startswith((b"/", b"*")):
            authority = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
            said = [value for name, value in self.headers if name == b"host"]
            if said and said != [authority]:
                self.headers.append((b"host", authority))

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_s, self._give_up)
        self._count_as_idle()

    def _count_as_idle(self) -> None:
        answering: RequestResponseCycle | None = self.cycle
        if answering is not None and not answering.response_complete:
            return
        self.idle.pop(self, None)
        self.idle[self] = None
        if len(self.idle) > self.most_idle:
            longest = next(iter(self.idle))
            del self.idle[longest]
            longest.transport.close()

    def _head_is_here(self) -> None:
        self.idle.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
