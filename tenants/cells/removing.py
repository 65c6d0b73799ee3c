"""Removing a cell that nothing lies in any more: no process looks there again, and our logins there are over.

The database and the roles that begin with its name are left to who made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import func, make_url, or_, select, update
from sqlalchemy.exc import OperationalError

from tenants.cells.logins import LOGINS, filled, names_of
from tenants.connecting import asked_for_password
from tenants.lifecycle.actions import checked_reason
from tenants.orphans import left_in
from tenants.registry.actions import note
from tenants.registry.cells import CellAway, CellInUse, CellNotFound, environments_by_cell
from tenants.registry.models import CellRow
from tenants.registry.placing import MAIN_CELL
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases


async def remove_cell(databases: Databases, name: str, *, actor: str, reason: str, is_lost: bool = False) -> None:
    """Let a database be a cell no longer. Repeatable, and to be repeated by who was told that it is away.

    ``is_lost``: the database is gone for good, so that nothing is asked of it or done there. Raises CellNotFound,
    CellInUse, CellAway, ReasonMissing. The registry must be loaded.
    """
    reason = checked_reason(reason)
    if name == MAIN_CELL:
        raise CellInUse("The registry's own database is not removed.", cell=name)
    c = CellRow
    async with databases.control().begin() as connection:
        wanted = select(c.address, c.removed_at).where(c.name == name).with_for_update()
        cell = (await connection.execute(wanted)).one_or_none()
        if cell is None:
            raise CellNotFound("There is no such cell.", cell=name)
        if cell.removed_at is None:
            await _check_unused(databases, connection, name, is_lost=is_lost)
            await connection.execute(update(c).where(c.name == name).values(removed_at=func.clock_timestamp()))
            facts = {"address": cell.address, "reason": reason, "lost": str(is_lost).lower()}
            await note(connection, actor, "cell_removed", cell=name, **facts)
    if not is_lost:
        await _end_logins(databases, cell.address)


async def _check_unused(databases: Databases, connection: AsyncConnection, name: str, *, is_lost: bool) -> None:
    """That nothing is there, comes or goes; the caller's lock of the row keeps it so."""
    c = CopyRow
    copies = select(func.count()).where(or_(c.to_cell == name, c.from_cell == name), c.state.in_(("queued", "running")))
    if environments := (await environments_by_cell(connection)).get(name):
        raise CellInUse("Environments are in the cell: move or delete them.", cell=name, environments=environments)
    if moves := await connection.scalar(copies):
        raise CellInUse("An environment comes or goes: wait for the end of its move.", cell=name, moves=moves)
    if is_lost:
        return
    try:
        left = await left_in(databases, name)
    except OperationalError as error:
        raise CellAway("The cell does not answer, so nobody knows what is in it.", cell=name) from error
    if left:
        raise CellInUse("What nobody names is in the cell: run `opscom sweep`.", cell=name, left=len(left))


async def _end_logins(databases: Databases, address: str) -> None:
    """Each login takes its own password away, which nobody else of us could. ``ddl`` goes last, and takes the mark along."""
    unmark = "set role {owner}; comment on schema platform is null; reset role"
    for login in sorted(LOGINS, key="ddl".__eq__):
        try:
            connection = await databases.connector(address, login).connect_async()
        except psycopg.OperationalError as error:
            if asked_for_password(error):  # it has none any more
                continue
            raise CellAway("The cell is removed, and does not answer: its logins are not ended.") from error
        async with connection:
            if login == "ddl":
                await connection.execute(filled(unmark, **names_of(make_url(address).database or "")).encode())
            await connection.execute("alter role current_user password null")
