"""Steps in the life of a tenant: suspend, resume, archive, rename, and asking for its deletion. Each with actor and reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.mail.rules import one_line
from tenants.copies.errors import ReasonMissing
from tenants.domains.actions import release_all
from tenants.environments import EnvironmentKind, State, canonical_host
from tenants.hostnames import check_slug
from tenants.lifecycle.deleting import ask_for_erasure
from tenants.lifecycle.errors import NotArchived, NotConfirmed
from tenants.platform_tasks import DELETE, enqueue_once, ledger_name
from tenants.registry.actions import SlugTaken, StateForbids, TenantNotFound, begin_deletion, note, transition
from tenants.registry.models import EnvironmentRow, HostnameRow, TenantRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

OLD_HOST_KEPT = timedelta(days=90)
"""How long the host names of before a renaming lead to the new ones; nobody else gets the old name meanwhile."""
LONGEST_REASON = 500
_GONE = (State.DELETING, State.DELETED)


async def set_state(databases: Databases, tenant_id: UUID, to: State, *, actor: str, reason: str) -> None:
    """Suspend, resume or archive a tenant with all its environments; an archived one gives its own domains up.

    Raises TenantNotFound, StateForbids (also of one that is being made, which only its own last step brings to life),
    ReasonMissing.
    """
    reason = checked_reason(reason)
    async with databases.control().begin() as connection:
        environment_id = await _production(connection, tenant_id)
        t = TenantRow
        if await connection.scalar(select(t.state).where(t.id == tenant_id)) == State.PENDING:
            raise StateForbids("The tenant is still being made.", before=State.PENDING, after=to)
        await transition(connection, environment_id, to, actor=actor, reason=reason)
        if to is State.ARCHIVED:
            await release_all(connection, environment_id, databases.clock())
        await note(connection, actor, f"tenant_{to}", tenant=str(tenant_id), reason=reason)


async def rename(databases: Databases, tenant_id: UUID, slug: str, *, actor: str, now: datetime) -> None:
    """Give a tenant another short name. Its old host names lead to the new ones for 90 days; no data are touched.

    Raises TenantNotFound, SlugRefused, SlugTaken.
    """
    check_slug(slug)
    base = databases.settings.base_domain
    async with databases.control().begin() as connection:
        t = TenantRow
        there = select(t.slug).where(t.id == tenant_id, t.state.not_in(_GONE)).with_for_update()
        before = await connection.scalar(there)
        if before is None:
            raise TenantNotFound("There is no such tenant.")
        if before == slug:
            return
        try:
            await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(slug=slug))
            for row in await _environments(connection, tenant_id):
                await _move_host(connection, row.id, canonical_host(EnvironmentKind(row.kind), slug, base), now)
        except IntegrityError as error:
            raise SlugTaken("Another tenant has this short name.", field="slug", slug=slug) from error
        await note(connection, actor, "tenant_renamed", tenant=str(tenant_id), before=str(before), after=slug)


async def ask_for_deletion(databases: Databases, tenant_id: UUID, *, confirmed: str, actor: str, reason: str) -> UUID:
    """Have an archived tenant, or one that was never made whole, deleted for ever; ``confirmed`` is its short name, typed again. Returns the run's id.

    From here on nobody resumes it. Repeated, the first one's name and reason stay.
    Raises TenantNotFound, NotArchived, NotConfirmed, ReasonMissing.
    """
    reason = checked_reason(reason)
    async with databases.control().begin() as connection:
        wanted = select(TenantRow.slug, TenantRow.state).where(TenantRow.id == tenant_id).with_for_update()
        row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise TenantNotFound("There is no such tenant.")
        if row.slug != confirmed:
            raise NotConfirmed("This is not the tenant's short name.", field="confirm")
        if row.state not in {State.PENDING, State.ARCHIVED, State.DELETING}:
            raise NotArchived("Archive the tenant first.", state=row.state)
        await begin_deletion(connection, await _production(connection, tenant_id), actor=actor, reason=reason)
        await ask_for_erasure(connection, tenant_id, actor=actor, reason=reason)
        await note(connection, actor, "deletion_requested", tenant=str(tenant_id), slug=row.slug, reason=reason)
        name = ledger_name(databases.database_name(""))
        return await enqueue_once(connection, name, DELETE, tenant_id)


async def forget_old_hosts(databases: Databases, now: datetime) -> int:
    """Remove the host names of before a renaming whose time is over. Returns how many."""
    async with databases.control().begin() as connection:
        return (await connection.execute(delete(HostnameRow).where(HostnameRow.until < now))).rowcount


def checked_reason(reason: str) -> str:
    """The reason as it is kept: one printable line. Raises ReasonMissing."""
    reason = one_line(reason, LONGEST_REASON)
    if not reason:
        raise ReasonMissing("Say why.", field="reason")
    return reason


async def _production(connection: AsyncConnection, tenant_id: UUID) -> UUID:
    e = EnvironmentRow
    wanted = select(e.id).where(
        e.tenant_id == tenant_id, e.kind == EnvironmentKind.PRODUCTION, e.state != State.DELETED
    )
    found: UUID | None = await connection.scalar(wanted)
    if found is None:
        raise TenantNotFound("There is no such tenant.")
    return found


async def _environments(connection: AsyncConnection, tenant_id: UUID) -> list[EnvironmentRow]:
    e = EnvironmentRow
    wanted = select(e.id, e.kind).where(e.tenant_id == tenant_id, e.state.not_in(_GONE))
    return list((await connection.execute(wanted)).all())  # type: ignore[arg-type]  # rows of two columns


async def _move_host(connection: AsyncConnection, environment_id: UUID, host: str, now: datetime) -> None:
    """The new canonical host; the old one leads to the primary one. An own domain that is primary stays so."""
    h = HostnameRow
    canonical = (h.environment_id == environment_id, h.kind == "canonical")
    current = (*canonical, h.until.is_(None))
    before = (await connection.execute(select(h.is_primary, h.is_redirect).where(*current))).one()
    retired = {"is_primary": False, "is_redirect": True, "until": now + OLD_HOST_KEPT}
    await connection.execute(update(h).where(*current).values(retired))
    # Renamed back: the name of before is the environment's own still.
    await connection.execute(delete(h).where(*canonical, h.name == host))
    new = {"name": host, "environment_id": environment_id, "kind": "canonical"}
    await connection.execute(insert(h).values(new | before._asdict()))
