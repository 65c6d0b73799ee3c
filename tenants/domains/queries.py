"""Reading own domains: a tenant's claims, all host names of a site, and what a name's DNS is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Select, select

from tenants.domains.errors import DomainNotFound
from tenants.domains.rules import Claim, Standing
from tenants.domains.zone import Zone
from tenants.registry.models import HostnameRow
from tenants.registry.records import VanityDomainRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.settings import Settings


@dataclass(frozen=True, slots=True)
class Host:
    """A host name that leads to an environment. ``until`` is when an old one of a renamed tenant ends."""

    name: str
    kind: str
    is_primary: bool
    is_redirect: bool
    until: datetime | None


async def claims_of(databases: Databases, environment_id: UUID) -> Sequence[Claim]:
    """The claims of an environment by name, those in quarantine too."""
    v = VanityDomainRow
    async with databases.control().connect() as connection:
        rows = await connection.execute(claims().where(v.environment_id == environment_id).order_by(v.name))
        return [claim(row) for row in rows]


async def claim_of(databases: Databases, environment_id: UUID, name: str) -> Claim:
    """One claim. Raises DomainNotFound."""
    async with databases.control().connect() as connection:
        return await find(connection, environment_id, name)


async def find(connection: AsyncConnection, environment_id: UUID, name: str, *, lock: bool = False) -> Claim:
    """One claim, locked until the transaction's end if that is wanted. Raises DomainNotFound."""
    v = VanityDomainRow
    wanted = claims().where(v.environment_id == environment_id, v.name == name)
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    if row is None:
        raise DomainNotFound("There is no such domain of yours.", field="name")
    return claim(row)


async def hosts_of(databases: Databases, environment_id: UUID) -> Sequence[Host]:
    """All host names of an environment: the platform's first, then by name."""
    h = HostnameRow
    wanted = select(h.name, h.kind, h.is_primary, h.is_redirect, h.until).where(h.environment_id == environment_id)
    async with databases.control().connect() as connection:
        return [Host(*row) for row in await connection.execute(wanted.order_by(h.kind, h.name))]


def zone_of(claim: Claim, hosts: Sequence[Host], settings: Settings) -> Zone:
    """What the name's DNS must be."""
    canonical = [host for host in hosts if host.kind == "canonical"]
    current = next((host.name for host in canonical if host.until is None), "")
    return Zone(
        claim.name,
        claim.token,
        current,
        frozenset(host.name for host in canonical),
        settings.public_addresses,
        settings.certificate_authorities,
    )


def claims() -> Select[*tuple[Any, ...]]:
    """All claims."""
    v = VanityDomainRow
    return select(
        v.environment_id,
        v.name,
        v.state,
        v.token,
        v.requested_by,
        v.requested_at,
        v.verified_at,
        v.checked_at,
        v.problems,
        v.until,
    )


def claim(row: Any) -> Claim:  # noqa: ANN401 - a row of ``claims``
    """A claim of a row."""
    return Claim(
        row.environment_id,
        row.name,
        Standing(row.state),
        row.token,
        row.requested_by,
        row.requested_at,
        row.verified_at,
        row.checked_at,
        tuple(row.problems),
        row.until,
    )
