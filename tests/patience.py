"""How long a test waits for what must come about: one bound for all, so long that a busy machine fails nothing by it.

Nothing is measured by it, and a test that passes never waits so long. The products' own times that a test must not reach
(a pool's, a poll's) are longer in that test, or have an error of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_S = 60.0
GLANCE_S = 0.01
"""Between two looks at what tells nobody when it changes."""


def patience() -> asyncio.Timeout:
    """Around waiting for what must come about. Raises TimeoutError."""
    return asyncio.timeout(PATIENCE_S)


async def comes_about(is_so: Callable[[], object]) -> None:
    """Wait until something is so. Raises TimeoutError."""
    async with patience():
        while not is_so():  # noqa: ASYNC110 - for what has no event
            await asyncio.sleep(GLANCE_S)
