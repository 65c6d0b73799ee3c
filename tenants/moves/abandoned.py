"""Moves that nobody carries out any more, since every process that tried was killed: what they hold is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import exists, select, update

from tenants.copies.requests import MOVE
from tenants.copies.switch import grant_in
from tenants.moves import runs
from tenants.moves.route import ALONE
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from tenants.copies.copier import Copier
    from tenants.environments import Environment


async def let_go(copier: Copier) -> list[Environment]:
    """Give writing, runs and schedules back to environments that no unfinished move holds. Returns which they were.

    Run it after ``end_abandoned``, which says what is unfinished.
    """
    await copier.registry.load()
    held = [one for one in copier.registry.current.by_id.values() if one.is_moving or await _is_held(copier, one)]
    done = [environment for environment in held if await _let_go(copier, environment)]
    if done:
        await copier.registry.load()
        await copier.bus.nudge("registry")
    return done


async def _is_held(copier: Copier, environment: Environment) -> bool:
    async with copier.databases.ledger(environment.cell).connect() as connection:
        return await runs.is_held(connection, environment.role)


async def _let_go(copier: Copier, environment: Environment) -> bool:
    databases, cell = copier.databases, environment.cell
    async with databases.owner(cell).begin() as connection:
        await connection.execute(ALONE, {"environment": str(environment.id)})
        if await _is_under_way(copier, environment.id):
            return False
        await grant_in(connection, environment.role, environment.schema, database=databases.database_name(cell))
        async with databases.ledger(cell).begin() as ledger:
            await runs.release(ledger, environment.role)
        async with databases.control().begin() as control:
            row = update(EnvironmentRow).where(EnvironmentRow.id == environment.id)
            await control.execute(row.values(is_moving=False))
    return True


async def _is_under_way(copier: Copier, environment_id: UUID) -> bool:
    c = CopyRow
    wanted = exists().where(c.environment_id == environment_id, c.kind == MOVE, c.state.in_(("queued", "running")))
    async with copier.databases.control().connect() as connection:
        return bool(await connection.scalar(select(wanted)))
