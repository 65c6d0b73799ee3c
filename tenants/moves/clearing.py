"""What a move leaves behind, in the cell that it left or in the one that it did not come to. All of it may be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.copies.dropping import drop_role, drop_schema
from tenants.copies.switch import withdraw
from tenants.moves import runs

if TYPE_CHECKING:
    from tenants.databases import Databases
    from tenants.moves.route import Place, Route


async def bring_history(databases: Databases, route: Route) -> None:
    """Finished runs follow with their logs, the newest first; then the old ledger knows nothing of the environment."""
    old, new = route.old, route.new
    while True:
        async with databases.ledger(old.cell).begin() as before:
            async with databases.ledger(new.cell).begin() as after:
                ids = await runs.bring_finished(before, after, old.role, to_role=new.role)
            await runs.remove(before, old.role, ids)
            if not ids:
                await runs.forget(before, old.role)
                return


async def drop(databases: Databases, place: Place) -> None:
    """Remove schema and role of a place that nobody is served from. Raises StillServing."""
    owner = databases.owner(place.cell)
    await drop_schema(owner, place.schema, database=databases.database_name(place.cell))
    await drop_role(owner, place.role)


async def clear(databases: Databases, place: Place) -> None:
    """Remove everything of a place that the environment does not come to."""
    async with databases.ledger(place.cell).begin() as ledger:
        await runs.forget(ledger, place.role)
    await withdraw(databases.owner(place.cell), place.role, database=databases.database_name(place.cell))
    await drop(databases, place)
