"""The steps in the making of an environment, each with a status: written as they go, read by the platform's staff."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.kernel.errors import ParkingError
from tenants.registry.records import StepRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Step(StrEnum):
    """In their order."""

    REGISTERED = "registered"
    CREATED = "created"
    FURNISHED = "furnished"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How a step stands: waiting, running, done or failed; and why it failed the last time."""

    step: Step
    state: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


@asynccontextmanager
async def taking(control: AsyncEngine, environment_id: UUID, step: Step) -> AsyncIterator[None]:
    """Around a step: it is written down as begun, and then as done or failed. A killed one stays as running."""
    async with control.begin() as connection:
        await _begin(connection, environment_id, step)
    try:
        yield
    except Exception as error:
        words = f"{error.code}: {error.message}" if isinstance(error, ParkingError) else type(error).__name__
        async with control.begin() as connection:
            await _end(connection, environment_id, step, "failed", words)
        raise
    async with control.begin() as connection:
        await _end(connection, environment_id, step, "done", None)


async def taken(connection: AsyncConnection, environment_id: UUID, step: Step) -> None:
    """Write down a step that is done in the caller's own transaction. Repeatable."""
    await _begin(connection, environment_id, step)
    await _end(connection, environment_id, step, "done", None)


async def steps_of(control: AsyncEngine, environment_id: UUID) -> Sequence[StepStatus]:
    """All steps in their order, those not begun too. An environment that was made by a copy has none."""
    columns = (StepRow.name, StepRow.state, StepRow.attempts, StepRow.started_at, StepRow.finished_at, StepRow.error)
    async with control.connect() as connection:
        rows = await connection.execute(select(*columns).where(StepRow.environment_id == environment_id))
        known = {row.name: StepStatus(Step(row.name), *row[1:]) for row in rows}
    return [known.get(step, StepStatus(step, "waiting", 0, None, None, None)) for step in Step] if known else []


async def _begin(connection: AsyncConnection, environment_id: UUID, step: Step) -> None:
    row = {"environment_id": environment_id, "name": step, "state": "running"}
    again = {"state": "running", "attempts": StepRow.attempts + 1, "started_at": func.clock_timestamp(), "error": None}
    index = [StepRow.environment_id, StepRow.name]
    await connection.execute(insert(StepRow).values(row).on_conflict_do_update(index_elements=index, set_=again))


async def _end(connection: AsyncConnection, environment_id: UUID, step: Step, state: str, error: str | None) -> None:
    changed = update(StepRow).where(StepRow.environment_id == environment_id, StepRow.name == step)
    await connection.execute(changed.values(state=state, error=error, finished_at=func.clock_timestamp()))
