"""Ending copies that nobody carries out any more: their run is over, or their environment is being deleted.

A move that was switched is not ended: what is left to bring from the old cell would be lost. It is queued again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Update, case, cast, exists, func, select, update

from domain.kernel.ledger import UNFINISHED, TaskRun
from tenants.copies.errors import CopyEnded, CopyUnfinished
from tenants.platform_tasks import COPY, enqueue_once, ledger_name
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

ABANDONED_AFTER = timedelta(hours=6)
"""Longer than any run may take, with all its attempts."""
_OPEN = CopyRow.state.in_(("queued", "running"))
_SERVES = exists().where(EnvironmentRow.id == CopyRow.environment_id, EnvironmentRow.schema_name == CopyRow.to_schema)
_GOES_ON = (CopyRow.kind == "move") & _SERVES


async def end_abandoned(databases: Databases, now: datetime) -> int:
    """End the copies whose run is over, and the proofs of backups that began long ago. Returns how many."""
    proofs = _ended("Nobody carried it out to its end.").where(
        CopyRow.kind == "verify", CopyRow.started_at < now - ABANDONED_AFTER
    )
    async with databases.control().begin() as connection:
        return (await end_left_alone(connection)) + (await connection.execute(proofs)).rowcount


async def end_left_alone(connection: AsyncConnection, environment_id: UUID | None = None) -> int:
    """End the copies, of one environment or of all, that no unfinished run will carry out. Returns how many.

    A copy and its run are written in one transaction, so one without the other is over.
    """
    over = _ended("Its run ended without it.").where(CopyRow.kind != "verify", ~_has_run(), ~_GOES_ON)
    if environment_id is not None:
        over = over.where(CopyRow.environment_id == environment_id)
    return (await connection.execute(over)).rowcount


async def resume_moves(databases: Databases) -> int:
    """Queue the moves that were switched, and that no unfinished run will bring to their end. Returns how many."""
    name, left = ledger_name(databases.database_name("")), select(CopyRow.id).where(_OPEN, ~_has_run(), _GOES_ON)
    async with databases.control().begin() as connection:
        copies = (await connection.scalars(left)).all()
        for copy_id in copies:
            await enqueue_once(connection, name, COPY, copy_id)
    return len(copies)


async def end_copies_into(connection: AsyncConnection, environment_id: UUID) -> None:
    """End whatever is copied into an environment; who carries it out is refused its next step."""
    await connection.execute(_ended("The environment is deleted.").where(CopyRow.environment_id == environment_id))


async def is_copied_into(connection: AsyncConnection, environment_id: UUID) -> bool:
    """Whether something is being copied into an environment, or waits for it."""
    wanted = exists().where(CopyRow.environment_id == environment_id, CopyRow.kind != "verify", _OPEN)
    return bool(await connection.scalar(select(wanted)))


def _has_run() -> ColumnElement[bool]:
    r = TaskRun
    return exists().where(r.task == COPY.name, r.concurrency_key == cast(CopyRow.id, Text), r.state.in_(UNFINISHED))


def _ended(why: str) -> Update:
    code = case((_SERVES, CopyUnfinished.code), else_=CopyEnded.code)
    facts = {"state": "failed", "finished_at": func.clock_timestamp(), "error_code": code, "error": why}
    return update(CopyRow).where(_OPEN).values(facts).execution_options(synchronize_session=False)
