"""Bringing an environment back to a chosen backup: its own data go back in time, the world does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.kernel.errors import NotFound
from tenants.copies.errors import NotCopyable, PreviewLocked
from tenants.copies.requests import RESTORE, Wanted, ask_for_copy
from tenants.environments import EnvironmentGroup, EnvironmentKind, State
from tenants.lifecycle.actions import checked_reason
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow

if TYPE_CHECKING:
    from tenants.databases import Databases


async def restore(databases: Databases, environment_id: UUID, backup_id: UUID, *, actor: str, reason: str) -> UUID:
    """Have an environment restored to a backup of its tenant; what it holds now is backed up first. Returns the copy's id.

    Raises NotFound, BackupNotFound, CopyRunning, PreviewLocked, NotCopyable (not active or suspended), ReasonMissing.
    """
    reason = checked_reason(reason)
    e = EnvironmentRow
    wanted = select(e.tenant_id, e.kind, e.state, e.is_locked).where(e.id == environment_id).with_for_update()
    async with databases.control().begin() as connection:
        row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise NotFound("There is no such environment.")
        if row.state not in {State.ACTIVE, State.SUSPENDED}:
            raise NotCopyable("Only an environment that answers is restored.", state=row.state)
        if row.is_locked and EnvironmentKind(row.kind).group is EnvironmentGroup.TEST:
            raise PreviewLocked("The preview is locked.")
        await note(connection, actor, "restore_asked", environment=str(environment_id), reason=reason)
        asked = Wanted(RESTORE, environment_id, row.tenant_id, actor, backup_id=backup_id)
        return await ask_for_copy(databases, connection, asked)
