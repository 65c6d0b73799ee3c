"""Where a process died between a switch and the registry, the registry follows: the grant in the cell is the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.copies.switch import follow, granted
from tenants.moves.switching import follow_switch

if TYPE_CHECKING:
    from tenants.databases import Databases
    from tenants.environments import Environment


async def repair(databases: Databases, environment: Environment) -> bool:
    """Let the registry follow the grant, into another schema or another cell. Returns whether there was need to.

    Asks as a login that every process has, so whoever finds an environment gone can look where it went.
    """
    async with databases.ledger(environment.cell).connect() as connection:
        names = await granted(connection, environment.role)
    if not names and environment.is_moving:
        return await follow_switch(databases, environment)
    if len(names) != 1 or names[0] == environment.schema:
        return False
    place = {"before": environment.schema, "after": names[0], "cell": environment.cell}
    return await follow(databases.control(), environment.id, head=environment.head, **place)
