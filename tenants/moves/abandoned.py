"""Moves that nobody carries out any more, since every process that tried was killed: what they hold is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.copies.ending import is_copied_into
from tenants.moves import runs
from tenants.moves.fencing import give_back
from tenants.moves.route import ALONE, Place

if TYPE_CHECKING:
    from tenants.copies.copier import Copier
    from tenants.environments import Environment


async def let_go(copier: Copier, cell: str) -> list[Environment]:
    """Give writing, runs and schedules back to environments of a cell that no unfinished move holds. Returns which they were.

    Run it after ``end_abandoned``, which says what is unfinished.
    """
    await copier.registry.load()
    here = [one for one in copier.registry.current.by_id.values() if one.cell == cell]
    held = [one for one in here if one.is_moving or await _is_held(copier, one)]
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
    async with databases.owner(cell).begin() as alone:
        await alone.execute(ALONE, {"environment": str(environment.id)})
        async with databases.control().connect() as control:
            if await is_copied_into(control, environment.id):
                return False
        await copier.registry.load()
        if copier.registry.by_id(environment.id) != environment:  # it moved meanwhile after all
            return False
        await give_back(databases, environment.id, Place(cell, environment.schema, environment.role))
    return True
