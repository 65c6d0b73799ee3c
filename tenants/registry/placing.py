"""In which cell a new environment is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from tenants.environments import State
from tenants.registry.models import CellRow, EnvironmentRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.environments import EnvironmentGroup

MAIN_CELL = "main"


async def choose_cell(connection: AsyncConnection, group: EnvironmentGroup) -> str:
    """The open cell with the fewest environments, one made for this group before one for both; else the main cell.

    It is neither closed nor removed before the end of the transaction.
    """
    c, e = CellRow, EnvironmentRow
    number = select(func.count()).where(e.cell == c.name, e.state != State.DELETED).scalar_subquery()
    wanted = (
        select(c.name)
        .where(c.is_open, c.removed_at.is_(None), (c.environment_group == group) | c.environment_group.is_(None))
        .order_by(c.environment_group.is_(None), number, c.name)
        .limit(1)
        .with_for_update(read=True)
    )
    return str(await connection.scalar(wanted) or MAIN_CELL)
