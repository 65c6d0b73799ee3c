"""What people do with preview spaces: refresh, lock, unlock, and for the platform's staff set a date of expiry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Update, insert, select, text, update

from domain.kernel.ids import uuid7
from domain.mail.rules import one_line
from tenants.copies.errors import NoPreview, NotCopyable, PreviewLocked, ReasonMissing
from tenants.copies.requests import REFRESH, Wanted, ask_for_copy
from tenants.environments import EnvironmentGroup, EnvironmentKind, State, canonical_host
from tenants.registry.actions import TenantNotFound, note, register_environment
from tenants.registry.models import EnvironmentRow, TenantRow
from tenants.registry.placing import choose_cell
from tenants.registry.records import LockRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

LONGEST_REASON = 500
REFRESHED = (EnvironmentKind.PREVIEW, EnvironmentKind.TEST)
"""What a client's people refresh. The platform's staff have development spaces as well."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: a name for people, and where they are known the user and login. ``is_platform`` staff may override locks."""

    name: str
    user_id: UUID | None = None
    login_id: UUID | None = None
    is_platform: bool = False


async def refresh(
    databases: Databases,
    tenant_id: UUID,
    backup_id: UUID,
    who: Who,
    *,
    kind: EnvironmentKind = EnvironmentKind.PREVIEW,
    is_anonymised: bool = False,
    over_lock: bool = False,
) -> UUID:
    """Replace a tenant's preview by a backup; the first refresh makes it. Returns the copy's id.

    A lock holds for the platform's staff too, until they say ``over_lock``; it is then noted.

    Raises TenantNotFound, BackupNotFound, PreviewLocked, CopyRunning, NotCopyable (a kind that is no preview, a tenant that
    is not active, a space that is being deleted).
    """
    if kind.group is not EnvironmentGroup.TEST or not (who.is_platform or kind in REFRESHED):
        raise NotCopyable("Only preview and test spaces are refreshed.", kind=kind)
    async with databases.control().begin() as connection:
        slug = await _active_tenant(connection, tenant_id)
        environment_id = await _found(connection, tenant_id, kind)
        if environment_id is None:
            host = canonical_host(kind, slug, databases.settings.base_domain)
            cell = await choose_cell(connection, EnvironmentGroup.TEST)
            environment_id = await register_environment(connection, tenant_id, kind, cell=cell, host=host)
        elif not (over_lock and who.is_platform):
            await _refuse_locked(connection, environment_id)
        else:
            await note(connection, who.name, "lock_overridden", environment=str(environment_id))
        wanted = Wanted(
            REFRESH,
            environment_id,
            tenant_id,
            who.name,
            backup_id=backup_id,
            login_id=who.login_id,
            is_anonymised=is_anonymised,
        )
        return await ask_for_copy(databases, connection, wanted)


async def set_lock(databases: Databases, environment_id: UUID, *, is_locked: bool, reason: str, who: Who) -> None:
    """Lock a preview against refreshes, or unlock it; a repeated one only adds to the history.

    Raises ReasonMissing, NoPreview.
    """
    reason = one_line(reason, LONGEST_REASON)
    if not reason:
        raise ReasonMissing("Say why, and who you are: others will read it.", field="reason")
    async with databases.control().begin() as connection:
        changed = _preview(environment_id).values(is_locked=is_locked, warned_at=None)
        if (await connection.scalar(changed.returning(EnvironmentRow.id))) is None:
            raise NoPreview("There is no such preview space.")
        facts = {"is_locked": is_locked, "reason": reason, "actor": who.name, "actor_user_id": who.user_id}
        await connection.execute(insert(LockRow).values(id=uuid7(), environment_id=environment_id, **facts))
        action = "preview_locked" if is_locked else "preview_unlocked"
        await note(connection, who.name, action, environment=str(environment_id), reason=reason)


async def set_expiry(databases: Databases, environment_id: UUID, expires_at: datetime | None, who: Who) -> None:
    """Set when a preview is deleted; None: after seven days without a login. For the platform's staff. Raises NoPreview."""
    async with databases.control().begin() as connection:
        changed = _preview(environment_id).values(expires_at=expires_at, warned_at=None)
        if (await connection.scalar(changed.returning(EnvironmentRow.id))) is None:
            raise NoPreview("There is no such preview space.")
        until = expires_at.isoformat() if expires_at else ""
        await note(connection, who.name, "preview_expiry_set", environment=str(environment_id), until=until)


def _preview(environment_id: UUID) -> Update:
    kinds = [kind for kind in EnvironmentKind if kind.group is EnvironmentGroup.TEST]
    row = EnvironmentRow
    return update(row).where(row.id == environment_id, row.kind.in_(kinds), row.state == State.ACTIVE)


async def _active_tenant(connection: AsyncConnection, tenant_id: UUID) -> str:
    """The slug of a tenant, locked: of two refreshes at once the second waits here, and then finds the copy of the first.

    Raises TenantNotFound, NotCopyable.
    """
    t = TenantRow
    wanted = select(t.slug, t.state).where(t.id == tenant_id).with_for_update()
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise TenantNotFound("There is no such tenant.")
    if row.state != State.ACTIVE:
        raise NotCopyable("Only a tenant that is active has its spaces refreshed.", state=row.state)
    return str(row.slug)


async def _found(connection: AsyncConnection, tenant_id: UUID, kind: EnvironmentKind) -> UUID | None:
    """The tenant's space of a kind, if there is one. Raises NotCopyable while it is being deleted."""
    e = EnvironmentRow
    wanted = select(e.id, e.state).where(e.tenant_id == tenant_id, e.kind == kind, e.state != State.DELETED)
    row = (await connection.execute(wanted.with_for_update())).one_or_none()
    if row is None:
        return None
    if row.state in {State.ARCHIVED, State.DELETING}:
        raise NotCopyable("The space is being deleted; try again in a moment.", state=row.state)
    return UUID(str(row.id))


async def _refuse_locked(connection: AsyncConnection, environment_id: UUID) -> None:
    if not await connection.scalar(select(EnvironmentRow.is_locked).where(EnvironmentRow.id == environment_id)):
        return
    wanted = select(LockRow.reason, LockRow.actor).where(LockRow.environment_id == environment_id)
    row = (await connection.execute(wanted.order_by(text("at desc")).limit(1))).first()
    raise PreviewLocked(
        f"The preview is locked: {row.reason if row else 'no reason was given'}",
        by=row.actor if row else None,
        reason=row.reason if row else None,
    )
