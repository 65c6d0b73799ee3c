"""Loading once an operation: sibling fields that need the same rows share one read, and a new snapshot reads anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from domain.kernel.snapshot import Snapshot
from schema.context import Context

T = TypeVar("T")


async def once(context: Context, read: Callable[[Snapshot], Awaitable[T]]) -> T:
    """What ``read`` brings from the operation's snapshot; the second who asks waits for the first."""
    known = context.loaded.get(read)
    if known is None:
        known = context.loaded[read] = asyncio.ensure_future(_reading(read, context.snapshot))
    return cast("T", await asyncio.shield(known))


async def _reading(read: Callable[[Snapshot], Awaitable[T]], snapshot: Snapshot) -> object:
    return await read(snapshot)
