"""One rendered state, in the forms it is sent in: made once, shared by all who see it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from gateway.chunks import chunk_of

TAG_BYTES = 9


@dataclass(frozen=True, slots=True)
class Payload:
    """A state as JSON (``body``), as the end of a WebSocket message (``tail``), as a server-sent ``event`` and as its ``chunk``.

    ``tag`` is a hash of the JSON: equal states have equal tags, also in another process.
    """

    body: bytes
    tag: str
    tail: bytes
    event: bytes
    chunk: bytes

    @classmethod
    def of(cls, body: bytes) -> Payload:
        """Render the forms of a state. JSON has no line breaks, so one data line carries it."""
        tag = blake2b(body, digest_size=TAG_BYTES).hexdigest()
        event = b"id: %b\nevent: next\ndata: %b\n\n" % (tag.encode(), body)
        return cls(body, tag, body + b"}", event, chunk_of(event))
