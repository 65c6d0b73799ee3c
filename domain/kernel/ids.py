"""Identifiers: UUID version 7, so that new rows lie next to each other in an index and in the order they were made."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_RANDOM_BITS = 74
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_LOW = (1 << 62) - 1


class _Rising:
    """Hands out 122 bits: milliseconds and randomness, each value greater than the one before (RFC 9562, 6.2)."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        milliseconds = time.time_ns() // 1_000_000
        random = int.from_bytes(os.urandom(10), "big") >> (80 - _RANDOM_BITS)
        with self._lock:
            self._last = max(self._last + 1, milliseconds << _RANDOM_BITS | random)
            return self._last


_rising = _Rising()


def uuid7() -> UUID:
    """A new UUIDv7 (RFC 9562, 5.7), greater than every other that this process made."""
    bits = _rising.next()
    high = bits >> 62  # 48 bits of Unix milliseconds and 12 of the rest
    return UUID(int=(high >> 12) << 80 | _VERSION | (high & 0xFFF) << 64 | _VARIANT | (bits & _LOW))
