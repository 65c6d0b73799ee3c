"""Asking for a move: what may forbid it, and the copy and its run that carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.kernel.errors import NotFound
from tenants.copies.errors import NotCopyable
from tenants.copies.requests import MOVE, Wanted, ask_for_copy
from tenants.environments import EnvironmentKind, State
from tenants.lifecycle.actions import checked_reason
from tenants.migrations.plan import Tree, head
from tenants.registry.actions import note
from tenants.registry.cells import check_takes, kept_cell
from tenants.registry.models import EnvironmentRow

if TYPE_CHECKING:
    from tenants.databases import Databases

MOVABLE = frozenset({State.ACTIVE, State.SUSPENDED, State.ARCHIVED})


async def move(databases: Databases, environment_id: UUID, to_cell: str, *, actor: str, reason: str) -> UUID:
    """Have an environment moved to another cell. Returns the copy's id.

    Raises NotFound, CellNotFound, CellRefuses, CopyRunning, ReasonMissing, and NotCopyable for one that is there already,
    is being made or deleted, or is not at head.
    """
    reason = checked_reason(reason)
    e = EnvironmentRow
    wanted = select(e.tenant_id, e.kind, e.state, e.cell, e.head).where(e.id == environment_id).with_for_update()
    async with databases.control().begin() as connection:
        row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise NotFound("There is no such environment.")
        cell = await kept_cell(connection, to_cell, field="toCell")
        check_takes(cell, EnvironmentKind(row.kind).group)
        if row.cell == to_cell:
            raise NotCopyable("The environment is in this cell already.", cell=to_cell)
        if row.state not in MOVABLE:
            raise NotCopyable("An environment that is being made or deleted is not moved.", state=row.state)
        if row.head != head(Tree.ENVIRONMENT):
            raise NotCopyable("Only an environment at head is moved: run `opscom migrate`.", head=row.head)
        await note(connection, actor, "move_asked", environment=str(environment_id), to_cell=to_cell, reason=reason)
        return await ask_for_copy(
            databases, connection, Wanted(MOVE, environment_id, row.tenant_id, actor, to_cell=to_cell)
        )
