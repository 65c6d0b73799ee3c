"""Which of an environment's host names answer, which one links are built with, and which lead there. In one transaction.

The primary host never leads elsewhere, and every other one leads to the primary or nowhere: so there is no circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from tenants.domains.errors import DomainNotFound, DomainNotReady, DomainTaken, PrimaryAnswers
from tenants.domains.rules import Standing
from tenants.registry.actions import note
from tenants.registry.models import EnvironmentRow, HostnameRow
from tenants.registry.records import VanityDomainRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

CANONICAL, VANITY = "canonical", "vanity"


async def set_primary(databases: Databases, environment_id: UUID, host: str, *, actor: str) -> None:
    """Build links with this host from now on. Raises DomainNotFound, DomainNotReady (a name that is failing)."""
    async with databases.control().begin() as connection:
        await locked(connection, environment_id)
        is_primary = await _is_primary(connection, environment_id, host)
        if await _state(connection, host) == Standing.FAILING:
            raise DomainNotReady("The DNS of this name is wrong; mend it first.", field="name")
        if not is_primary:
            await _make_primary(connection, environment_id, host)
            await note(connection, actor, "primary_host_set", environment=str(environment_id), host=host)


async def set_redirect(databases: Databases, environment_id: UUID, host: str, *, leads: bool, actor: str) -> None:
    """Let a host lead to the primary one, or answer itself. Raises DomainNotFound, PrimaryAnswers."""
    async with databases.control().begin() as connection:
        await locked(connection, environment_id)
        if await _is_primary(connection, environment_id, host) and leads:
            raise PrimaryAnswers("The primary host leads nowhere else. Make another one primary first.", field="name")
        await connection.execute(_host(environment_id, host).values(is_redirect=leads))
        facts = {"environment": str(environment_id), "host": host, "leads": str(leads).lower()}
        await note(connection, actor, "host_redirect_set", **facts)


async def begin_serving(connection: AsyncConnection, environment_id: UUID, name: str) -> None:
    """Let a name answer; one that does already is left as it is. Raises DomainTaken if it leads to another site."""
    row = {"name": name, "environment_id": environment_id, "kind": VANITY}
    new = insert(HostnameRow).values(row)
    same = HostnameRow.environment_id == environment_id
    found = await connection.scalar(
        new.on_conflict_do_update(index_elements=["name"], set_={"kind": VANITY}, where=same).returning(
            HostnameRow.name
        )
    )
    if found is None:
        raise DomainTaken("This name is in use already.", field="name")


async def end_serving(connection: AsyncConnection, environment_id: UUID, name: str) -> None:
    """Let a name answer no more. If it was the primary one, the platform's own is from now on."""
    h = HostnameRow
    gone = delete(h).where(h.environment_id == environment_id, h.name == name, h.kind == VANITY)
    was_primary = await connection.scalar(gone.returning(h.is_primary))
    if was_primary:
        own = select(h.name).where(h.environment_id == environment_id, h.kind == CANONICAL, h.until.is_(None))
        await _make_primary(connection, environment_id, str(await connection.scalar(own)))


async def locked(connection: AsyncConnection, environment_id: UUID) -> None:
    """One at a time changes the names of an environment. Raises DomainNotFound."""
    wanted = select(EnvironmentRow.id).where(EnvironmentRow.id == environment_id).with_for_update()
    if await connection.scalar(wanted) is None:
        raise DomainNotFound("There is no such site.")


async def _make_primary(connection: AsyncConnection, environment_id: UUID, host: str) -> None:
    h = HostnameRow
    others = update(h).where(h.environment_id == environment_id, h.is_primary, h.name != host)
    await connection.execute(others.values(is_primary=False))
    await connection.execute(_host(environment_id, host).values(is_primary=True, is_redirect=False))


async def _is_primary(connection: AsyncConnection, environment_id: UUID, host: str) -> bool:
    """Whether a host is the primary one. Raises DomainNotFound for unknown ones, and for those of before a renaming."""
    h = HostnameRow
    wanted = select(h.is_primary).where(h.environment_id == environment_id, h.name == host, h.until.is_(None))
    found: bool | None = await connection.scalar(wanted)
    if found is None:
        raise DomainNotFound("This site does not answer under this name.", field="name")
    return found


async def _state(connection: AsyncConnection, name: str) -> str | None:
    v = VanityDomainRow
    found: str | None = await connection.scalar(select(v.state).where(v.name == name, v.state != Standing.REQUESTED))
    return found


def _host(environment_id: UUID, host: str) -> Update:
    return update(HostnameRow).where(HostnameRow.environment_id == environment_id, HostnameRow.name == host)
