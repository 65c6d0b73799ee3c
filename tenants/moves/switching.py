"""The switch of a move: the old rows are taken from every reader, and then the registry names the new place.

The first of the two is what counts. Where a process died between them, whoever is refused the old rows finishes it: the
next process that carries out the move, a gateway that is asked for the environment, the sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import select, update

from tenants.copies.errors import CopyBegunAgain
from tenants.copies.requests import MOVE
from tenants.copies.switch import grant, granted, revoke_in
from tenants.moves import runs
from tenants.moves.route import ALONE_IF_FREE, MoveFailed, Place, Route
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.environments import Environment

_HEAD = "select version_num from {head}"
_MAY_WRITE = "select has_table_privilege({role}, {audit}, 'insert')"


async def switch(databases: Databases, alone: AsyncConnection, route: Route) -> None:
    """Take the old rows from every reader, and let what waits go along.

    ``alone`` is a transaction in the old cell in which nobody else does anything about this move. Raises MoveFailed for
    rows that may have changed since they were copied.
    """
    old, new = route.old, route.new
    await _check_fence(databases, alone, route)
    await grant(databases.owner(new.cell), new.role, new.schema, database=databases.database_name(new.cell))
    async with databases.ledger(old.cell).connect() as before, databases.ledger(new.cell).begin() as after:
        await runs.bring_waiting(before, after, old.role, to_role=new.role)
    await revoke_in(alone, old.role, old.schema, database=databases.database_name(old.cell))


async def name_new(databases: Databases, copy_id: UUID, route: Route) -> None:
    """The registry says where the environment is, if this is still the move that is under way. Repeatable.

    Raises CopyBegunAgain.
    """
    e, c, old, new = EnvironmentRow, CopyRow, route.old, route.new
    values = {"cell": new.cell, "schema_name": new.schema, "role_name": new.role, "is_moving": False}
    changed = update(e).where(e.id == route.environment_id, e.cell == old.cell, e.schema_name == old.schema)
    named = select(c.to_schema).where(c.id == copy_id, c.state == "running").with_for_update()
    there = select(e.id).where(e.id == route.environment_id, e.cell == new.cell, e.schema_name == new.schema)
    async with databases.control().begin() as connection:
        if await connection.scalar(named) != new.schema:
            raise CopyBegunAgain("Another process has taken up this move.")
        if await connection.scalar(changed.values(values).returning(e.id)) is not None:
            facts = {"environment": str(route.environment_id), "before": old.cell, "after": new.cell}
            await note(connection, "move", "environment_moved", **facts)
        elif await connection.scalar(there) is None:
            raise CopyBegunAgain("Another process has taken up this move.")


async def follow_switch(databases: Databases, environment: Environment) -> bool:
    """Let the registry name the new place of an environment whose move was switched. Returns whether it does now.

    Asks as logins that every process has. Where somebody is at it, it is left alone.
    """
    async with databases.ledger(environment.cell).begin() as here:
        if not await here.scalar(ALONE_IF_FREE, {"environment": str(environment.id)}):
            return False
        copy = await _under_way(databases, environment)
        if copy is None or not await is_switched(databases, here, Route.of(copy)):
            return False
        try:
            await name_new(databases, copy.id, Route.of(copy))
        except CopyBegunAgain:  # the move was ended meanwhile, by the sweep for instance
            return False
    return True


async def is_switched(databases: Databases, here: AsyncConnection, route: Route) -> bool:
    """Whether nobody may read the old rows any more; ``here`` is a connection to the old cell."""
    if await granted(here, route.old.role):
        return False
    async with databases.ledger(route.new.cell).connect() as there:
        return await granted(there, route.new.role) == [route.new.schema]


async def _under_way(databases: Databases, environment: Environment) -> Any:  # noqa: ANN401 - a row, or None
    c = CopyRow
    place = (environment.cell, environment.schema, environment.role)
    wanted = select(c.__table__).where(c.environment_id == environment.id, c.kind == MOVE, c.state == "running")
    async with databases.control().connect() as connection:
        copy = (await connection.execute(wanted)).one_or_none()
    return copy if copy is not None and (copy.from_cell, copy.from_schema, copy.from_role) == place else None


async def _check_fence(databases: Databases, alone: AsyncConnection, route: Route) -> None:
    """That nobody could write since the fence, which only a move puts up, and that no migration came between."""
    async with databases.owner(route.new.cell).begin() as there:
        copied = await _asked(databases, there, route.new, _HEAD)
    if await _asked(databases, alone, route.old, _HEAD) != copied:
        raise MoveFailed("The environment was migrated meanwhile.")
    if await _asked(databases, alone, route.old, _MAY_WRITE, role=sql.Literal(route.old.role)):
        raise MoveFailed("Somebody let the environment be written to meanwhile.")


async def _asked(
    databases: Databases, connection: AsyncConnection, place: Place, question: str, **names: sql.Literal
) -> object:
    """The answer to a question that only the owner of a schema may ask."""
    owner = sql.SQL("set local role {}").format(sql.Identifier(f"{databases.database_name(place.cell)}_owner"))
    asked = sql.SQL(question).format(
        head=sql.Identifier(place.schema, "alembic_version"),
        audit=sql.Literal(sql.Identifier(place.schema, "audit_entry").as_string(None)),
        **names,
    )
    await connection.exec_driver_sql(owner.as_string(None))
    answer = (await connection.exec_driver_sql(asked.as_string(None))).scalar_one()
    await connection.exec_driver_sql("reset role")
    return answer
