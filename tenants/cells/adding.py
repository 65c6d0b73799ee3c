"""Adding a cell: a database elsewhere, whose provisioner has given its credentials, becomes a place for environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import URL

from tenants.environments import Cell, EnvironmentGroup
from tenants.migrate import migrate_cell
from tenants.registry.cells import CellInvalid, CellTaken, checked_address, checked_name, put_cell
from tenants.registry.placing import MAIN_CELL

if TYPE_CHECKING:
    from tenants.databases import Databases


async def add_cell(
    databases: Databases, name: str, *, address: str | None, group: EnvironmentGroup | None, actor: str
) -> Cell:
    """Make the logins and the run ledger of a cell and let environments live there; may be repeated with another address.

    ``address`` is where our processes find it, left out: where its provisioner does. Written down only after a login of
    ours got in there. Raises CellInvalid, CellTaken, CellUnprovisioned, OperationalError.
    """
    if checked_name(name) == MAIN_CELL:
        raise CellTaken("This name is that of the registry's own database.", field="name")
    given = databases.provisioner(name).url
    bare = URL.create("postgresql", host=given.host, port=given.port, database=given.database, query=given.query)
    url = checked_address(address or bare.render_as_string(hide_password=False))
    if url.database != given.database:
        raise CellInvalid("Address and OPSCOM_CELL_URLS name different databases.", field="address")
    await migrate_cell(databases, name)
    cell = Cell(name, url.render_as_string(hide_password=False), group)
    await databases.look_at(str(cell.address))
    async with databases.control().begin() as connection:
        await put_cell(connection, cell, actor=actor)
    return cell
