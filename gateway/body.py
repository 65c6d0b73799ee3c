"""Reading a request body: counted while it streams, since Content-Length may lie, and not for ever."""

from __future__ import annotations

import asyncio

from gateway.asgi import Receive
from schema.operations.errors import Code, refused

MAX_BODY = 1 << 20
DISCARDED = 8 << 20
"""How much of a body that is too large is still read and thrown away, so that the client reads the answer."""
PATIENCE_S = 20.0


class ClientGone(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


async def read_body(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises Refused (BODY_TOO_LARGE over ``limit`` bytes, BODY_TOO_SLOW), ClientGone."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _read(receive, limit)
    except TimeoutError as error:
        raise refused(Code.BODY_TOO_SLOW, f"The body did not arrive within {PATIENCE_S:.0f} seconds.") from error


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif size > DISCARDED:
            break
    if size > limit:
        raise refused(Code.BODY_TOO_LARGE, f"The body is larger than {limit} bytes.")
    return b"".join(parts)
