"""How far a copy is: its row in the registry, a line of the run's log, and a note to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from tenants.copies.errors import CopyEnded
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from tenants.bus import Bus
    from tenants.copies.copier import Copier
    from tenants.copies.threads import Progress
    from tenants.registry.directory import Registry

log = structlog.get_logger(__name__)

TOPIC = "copies"
"""The live topic of copies, and of locks and ends of spaces: whoever watches is told of each step."""
TOLD_EVERY_S = 0.5

Say = Callable[[str, str], None]
"""Takes a line for the run's log: code and sentence."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells of one copy."""

    copier: Copier
    copy_id: UUID
    say: Say

    async def row(self) -> Any:  # noqa: ANN401 - a row
        """The copy as the registry has it."""
        async with self.copier.databases.control().connect() as connection:
            return (await connection.execute(select(CopyRow.__table__).where(CopyRow.id == self.copy_id))).one()

    async def step(self, step: str, **facts: int) -> None:
        """A step begins."""
        self.say(step, f"Step: {step}.")
        await self.note("running", step, **facts)

    async def rows(self, rows: int) -> None:
        """So many rows are loaded."""
        await self.note("running", "load", rows_done=rows)

    async def end(self, state: str, **facts: Any) -> None:  # noqa: ANN401 - columns
        """It is over."""
        await self.note(state, state, finished_at=self.copier.clock(), **facts)

    async def note(self, state: str, step: str, **facts: Any) -> None:  # noqa: ANN401 - columns
        """Write it down, and tell all environments of the tenant. Raises CopyEnded."""
        c = CopyRow
        changed = update(c).where(c.id == self.copy_id, c.state.in_(("queued", "running")))
        async with self.copier.databases.control().begin() as connection:
            wanted = changed.values(state=state, step=step, **facts).returning(c.environment_id)
            environment_id = await connection.scalar(wanted)
        if environment_id is None:
            raise CopyEnded("The copy was ended meanwhile.")
        await tell_tenant(self.copier.registry, self.copier.bus, environment_id)


async def tell_tenant(registry: Registry, bus: Bus, environment_id: UUID) -> None:
    """Have whoever watches the copies and spaces of an environment's tenant see them anew."""
    for environment in registry.siblings(environment_id):
        await bus.publish(environment.id, frozenset({TOPIC}))


class told:  # noqa: N801 - used like a function
    """While something is loaded: say from time to time how many rows are there. One that was ended meanwhile is halted."""

    def __init__(self, progress: Progress, tell: Callable[[int], Awaitable[None]]) -> None:
        self._progress = progress
        self._tell = tell

    async def __aenter__(self) -> None:
        self._is_over = asyncio.Event()
        self._task = asyncio.create_task(self._go_on())

    async def __aexit__(self, *_error: object) -> None:
        # Asked to end, not cancelled: a cancellation that meets a statement or a note may be swallowed by a library, and
        # whoever waited for the end of the task would wait for ever.
        self._is_over.set()
        await asyncio.wait([self._task])
        await self._tell(self._progress.rows)

    async def _go_on(self) -> None:
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), TOLD_EVERY_S)
            if not self._is_over.is_set():
                await self._tell_once()

    async def _tell_once(self) -> None:
        try:
            await self._tell(self._progress.rows)
        except CopyEnded:  # which the last telling, after all threads have stopped, raises again
            self._is_over.set()
            await asyncio.to_thread(self._progress.halt)
        except (SQLAlchemyError, OSError) as error:  # the load has connections of its own, and goes on
            log.warning("progress_not_told", error=repr(error))
