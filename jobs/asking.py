"""Asking every ledger at once whatever somebody wants to see now, for a bounded time; no look at a process may hang by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from jobs.ledger import OUTAGES

if TYPE_CHECKING:
    from jobs.ledger import Ledger

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """Asks all ledgers the same. One that has not answered yet is not asked again meanwhile: nothing piles up there."""

    ledgers: Callable[[], list[Ledger]]
    question: Callable[[Ledger], Awaitable[Answer]]
    open: dict[str, asyncio.Task[Answer | None]] = field(default_factory=dict)

    async def answers(self) -> dict[str, Answer | None]:
        """By ledger what it answered within two seconds; None for one that is away.

        A question is let be and not cancelled: the driver would wait for the server to confirm that.
        """
        asked = {ledger.name: self._ask(ledger) for ledger in self.ledgers()}
        await asyncio.wait(asked.values(), timeout=PATIENCE_S)
        return {name: task.result() if task.done() else None for name, task in asked.items()}

    def _ask(self, ledger: Ledger) -> asyncio.Task[Answer | None]:
        earlier = self.open.get(ledger.name)
        if earlier is None or earlier.done():  # a late answer is of no use any more
            self.open[ledger.name] = asyncio.create_task(self._answer(ledger))
        return self.open[ledger.name]

    async def _answer(self, ledger: Ledger) -> Answer | None:
        try:
            return await self.question(ledger)
        except OUTAGES as error:
            log.warning("ledger_not_asked", ledger=ledger.name, error=repr(error))
            return None


async def greet(ledger: Ledger) -> bool:
    """Whether a ledger answers. Raises SQLAlchemyError and OSError when it is away."""
    async with ledger.transaction() as connection:
        await connection.exec_driver_sql("select 1")
    return True
