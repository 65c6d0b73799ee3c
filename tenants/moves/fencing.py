"""The fence of a move: the environment is read and not written to, and what waits in its run ledger is held."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import update

from tenants.copies.switch import fence_in, grant
from tenants.moves import runs
from tenants.registry.models import EnvironmentRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.moves.route import Place


async def fence(
    databases: Databases, alone: AsyncConnection, environment_id: UUID, place: Place, *, patience_s: float
) -> None:
    """Every process is told in the registry; who has not heard of it is refused by the database. Raises StillBusy."""
    await _mark(databases, environment_id, is_moving=True)
    name = databases.database_name(place.cell)
    await fence_in(alone, place.role, place.schema, database=name, patience_s=patience_s)


async def give_back(databases: Databases, environment_id: UUID, place: Place) -> None:
    """Writing, runs and schedules, where the environment lies; the caller holds ``ALONE`` there.

    The mark goes last and after all else is committed: by it the sweep finds what nobody gave back.
    """
    await grant(databases.owner(place.cell), place.role, place.schema, database=databases.database_name(place.cell))
    async with databases.ledger(place.cell).begin() as ledger:
        await runs.release(ledger, place.role)
    await _mark(databases, environment_id, is_moving=False)


async def _mark(databases: Databases, environment_id: UUID, *, is_moving: bool) -> None:
    row = update(EnvironmentRow).where(EnvironmentRow.id == environment_id)
    async with databases.control().begin() as connection:
        await connection.execute(row.values(is_moving=is_moving))
