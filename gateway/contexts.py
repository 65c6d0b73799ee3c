"""The context of an operation, as far as the edge itself uses it. The rest belongs to resolvers (``schema.context``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from domain.kernel.actor import Actor
from schema.context import RequestFacts
from schema.operations.preparing import Operation
from tenants.environments import Environment

log = structlog.get_logger(__name__)


class OperationContext(Protocol):
    """What the edge itself uses of a context."""

    @property
    def actor(self) -> Actor:
        """Who asks."""
        ...

    @property
    def cookies(self) -> list[str]:
        """Set-Cookie headers that the operation asks for."""
        ...

    async def end_reads(self) -> None:
        """End the snapshot, if one was opened."""
        ...


MakeContext = Callable[[Environment | None, Actor, RequestFacts], OperationContext]


async def end_reads(context: OperationContext, operation: Operation) -> None:
    """End the reads; a connection that broke meanwhile has nothing left to end, and the answer stands."""
    try:
        await context.end_reads()
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("reads not ended", operation=operation.label, error=repr(error))
