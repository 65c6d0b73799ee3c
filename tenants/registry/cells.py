"""The registry's rows about cells: added, opened, closed, and what forbids it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, func, make_url, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ArgumentError

from domain.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from tenants.environments import Cell, EnvironmentGroup, State
from tenants.registry.actions import note
from tenants.registry.models import CellRow, EnvironmentRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
LONGEST_DATABASE = 40
"""Bytes: with the names of its logins behind it, it must be a name of PostgreSQL still."""


class CellNotFound(NotFound):
    """There is no such cell."""

    code = "cell.not_found"


class CellInvalid(Invalid):
    """A cell's name, address or group is not written as it must be."""

    code = "cell.invalid"


class CellTaken(Conflict):
    """The database belongs to another cell, or to another installation."""

    code = "cell.taken"


class CellRefuses(Conflict):
    """The cell takes no further environments, or none of this group."""

    code = "cell.refuses"


class CellInUse(Conflict):
    """Something lies in the cell still, or comes or goes; or it is the registry's own database."""

    code = "cell.in_use"


class CellAway(Unavailable):
    """The cell's database does not answer, so nobody knows what lies in it."""

    code = "cell.away"


class CellUnprovisioned(Invalid):
    """The provisioner's URL of a cell was not given, and nothing can be made there without it."""

    code = "cell.unprovisioned"


def checked_name(name: str) -> str:
    """The name of a new cell. Raises CellInvalid."""
    if not _NAME.fullmatch(name):
        raise CellInvalid("A cell's name has small letters, digits, - and _, and begins with a letter.", field="name")
    return name


def checked_address(address: str) -> URL:
    """An address as it is kept: where, and which database, never who. Raises CellInvalid."""
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise CellInvalid("Write the address as postgresql://host:port/database.", field="address") from error
    if url.get_backend_name() != "postgresql" or not url.database:
        raise CellInvalid("Write the address as postgresql://host:port/database.", field="address")
    if url.username or url.password or {"user", "password"} & url.query.keys():
        raise CellInvalid("An address has no credentials: the logins' passwords follow from the keys.", field="address")
    if len(url.database.encode()) > LONGEST_DATABASE:
        raise CellInvalid("The database's name is too long.", field="address", most=LONGEST_DATABASE)
    return url


async def put_cell(connection: AsyncConnection, cell: Cell, *, actor: str) -> None:
    """Write a cell; one that is there gets the new address and group, and stays open or closed as it is."""
    c = CellRow
    facts = {"address": cell.address, "environment_group": cell.group}
    row = insert(c).values(name=cell.name, is_open=cell.is_open, **facts)
    again = {"removed_at": None, "is_open": c.is_open | c.removed_at.is_not(None)}
    await connection.execute(row.on_conflict_do_update(index_elements=[c.name], set_=facts | again))
    await note(connection, actor, "cell_added", cell=cell.name, address=cell.address or "")


async def set_open(connection: AsyncConnection, name: str, *, is_open: bool, actor: str) -> None:
    """Let a cell take further environments, or none. Raises CellNotFound."""
    c = CellRow
    changed = update(c).where(c.name == name, c.removed_at.is_(None)).values(is_open=is_open)
    if await connection.scalar(changed.returning(c.name)) is None:
        raise CellNotFound("There is no such cell.", cell=name)
    await note(connection, actor, "cell_opened" if is_open else "cell_closed", cell=name)


async def kept_cell(connection: AsyncConnection, name: str, *, field: str) -> Cell:
    """A cell that is neither closed nor removed before the end of the transaction. Raises CellNotFound."""
    wanted = select(CellRow.__table__).where(CellRow.name == name, CellRow.removed_at.is_(None))
    row = (await connection.execute(wanted.with_for_update(read=True))).one_or_none()
    if row is None:
        raise CellNotFound("There is no such cell.", field=field, cell=name)
    return cell_of(row)


def cell_of(row: Any) -> Cell:  # noqa: ANN401 - a row
    """A cell as the rest of the program knows it."""
    return Cell(
        row.name, row.address, EnvironmentGroup(row.environment_group) if row.environment_group else None, row.is_open
    )


async def environments_by_cell(connection: AsyncConnection) -> Mapping[str, int]:
    """How many environments each cell holds; cells without any are not in it."""
    e = EnvironmentRow
    wanted = select(e.cell, func.count()).where(e.state != State.DELETED).group_by(e.cell)
    return {row[0]: row[1] for row in await connection.execute(wanted)}


def check_takes(cell: Cell, group: EnvironmentGroup) -> None:
    """Whether a cell takes an environment of a group. Raises CellRefuses."""
    if not cell.is_open:
        raise CellRefuses("The cell is closed.", cell=cell.name)
    if cell.group is not None and cell.group is not group:
        raise CellRefuses(f"The cell is for the {cell.group} group only.", cell=cell.name)
