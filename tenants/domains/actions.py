"""What clients and the platform's staff do with own domains: request, check, activate, release.

The DNS is asked before a transaction begins and never inside one.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.kernel.features import Feature, require_feature
from domain.kernel.ids import uuid7
from tenants.domains import checks
from tenants.domains.errors import (
    DnsSilent,
    DomainNotReady,
    DomainTaken,
    ProductionOnly,
    TooManyDomains,
)
from tenants.domains.queries import claim_of, find, hosts_of, zone_of
from tenants.domains.rules import HELD, QUARANTINE, SERVED, Claim, Standing, Verdict, after_check, checked_name
from tenants.domains.serving import begin_serving, end_serving, locked
from tenants.environments import Environment, EnvironmentKind
from tenants.registry.actions import note
from tenants.registry.records import VanityDomainRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.domains.dns import Dns

V = VanityDomainRow
TOKEN_BYTES = 24
_TURNED = {
    Standing.ACTIVE: "domain_right_again",
    Standing.FAILING: "domain_failing",
    Standing.REQUESTED: "domain_served_no_more",
}
"""What the audit calls a change of state that a check made."""


async def request(databases: Databases, environment: Environment, typed: str, *, actor: str) -> Claim:
    """Ask for a name. Repeated, or of a name that is the tenant's already, it changes nothing.

    Raises DomainNameRefused, DomainTaken, TooManyDomains, FeatureOff, ProductionOnly.
    """
    if environment.kind is not EnvironmentKind.PRODUCTION:
        raise ProductionOnly("Own domains lead to production: ask for them there.")
    name = checked_name(typed, databases.settings.base_domain)
    require_feature(environment.features, Feature.OWN_DOMAIN)
    async with databases.control().begin() as connection:
        await locked(connection, environment.id)
        mine = await connection.scalar(select(V.name).where(V.environment_id == environment.id, V.name == name))
        if mine is None:
            await _refuse_taken(connection, environment.id, name, databases.clock())
            await _refuse_too_many(connection, environment.id, environment.tenant.entitled.limits.own_domains)
            token = secrets.token_urlsafe(TOKEN_BYTES)
            row = {"id": uuid7(), "environment_id": environment.id, "name": name, "token": token, "requested_by": actor}
            await connection.execute(insert(V).values(row))
            await note(connection, actor, "domain_requested", environment=str(environment.id), name=name)
        return await find(connection, environment.id, name)


async def check(databases: Databases, dns: Dns, environment_id: UUID, name: str, *, actor: str) -> Verdict:
    """Ask the DNS and keep what it says: a served name with a wrong DNS is failing, and active when it is right again.

    Raises DomainNotFound.
    """
    verdict = await look(databases, dns, await claim_of(databases, environment_id, name))
    await keep(databases, environment_id, name, verdict, actor=actor)
    return verdict


async def activate(databases: Databases, dns: Dns, environment: Environment, name: str, *, actor: str) -> None:
    """Let the site answer under a name whose DNS is right; also one that was released and is in quarantine still.

    Raises DomainNotFound, DomainNotReady, DnsSilent, DomainTaken, TooManyDomains, FeatureOff.
    """
    require_feature(environment.features, Feature.OWN_DOMAIN)
    verdict = await check(databases, dns, environment.id, name, actor=actor)
    if verdict.problems:
        raise DomainNotReady(" ".join(verdict.problems), field="name")
    if not verdict.is_right:
        raise DnsSilent(" ".join(verdict.silent), field="name")
    await begin(databases, environment.id, name, most=environment.tenant.entitled.limits.own_domains, actor=actor)


async def begin(databases: Databases, environment_id: UUID, name: str, *, actor: str, most: int | None = None) -> None:
    """Serve a name whose DNS was just found right. One in quarantine takes up one of the ``most`` names again.

    Raises DomainNotFound, DomainTaken, TooManyDomains.
    """
    now = databases.clock()
    try:
        async with databases.control().begin() as connection:
            await locked(connection, environment_id)
            claim = await find(connection, environment_id, name, lock=True)
            await _refuse_taken(connection, environment_id, name, now)
            if most is not None and claim.state is Standing.QUARANTINED:
                await _refuse_too_many(connection, environment_id, most)
            await _change(connection, environment_id, name, state=Standing.ACTIVE, verified_at=now, until=None)
            await begin_serving(connection, environment_id, name)
            await note(connection, actor, "domain_activated", environment=str(environment_id), name=name)
    except IntegrityError as error:
        raise DomainTaken("This name is in use already.", field="name") from error


async def release(databases: Databases, environment_id: UUID, name: str, *, actor: str) -> None:
    """Give a name up. One that was served stays in quarantine for a time, in which only this tenant may take it again.

    Raises DomainNotFound.
    """
    async with databases.control().begin() as connection:
        await locked(connection, environment_id)
        claim = await find(connection, environment_id, name, lock=True)
        await _release(connection, claim, databases.clock())
        await note(connection, actor, "domain_released", environment=str(environment_id), name=name)


async def release_all(connection: AsyncConnection, environment_id: UUID, now: datetime) -> None:
    """Give up all names of an environment that answers no more."""
    names = (await connection.scalars(select(V.name).where(V.environment_id == environment_id))).all()
    for name in names:
        await _release(connection, await find(connection, environment_id, name, lock=True), now)


async def look(databases: Databases, dns: Dns, claim: Claim) -> Verdict:
    """What the DNS says of a name now; nothing is changed."""
    zone = zone_of(claim, await hosts_of(databases, claim.environment_id), databases.settings)
    return await checks.check(dns, zone)


async def keep(databases: Databases, environment_id: UUID, name: str, verdict: Verdict, *, actor: str) -> Claim:
    """Write what a check found, and what follows from it. Raises DomainNotFound."""
    now = databases.clock()
    async with databases.control().begin() as connection:
        await locked(connection, environment_id)
        claim = await find(connection, environment_id, name, lock=True)
        state, until = after_check(claim.state, claim.until, verdict, now)
        facts: dict[str, Any] = {"checked_at": now, "problems": [*verdict.problems, *verdict.silent]}
        if state in SERVED and verdict.is_right:
            facts["verified_at"] = now
        if claim.state in SERVED and state not in SERVED:
            await end_serving(connection, environment_id, name)
        await _change(connection, environment_id, name, state=state, until=until, **facts)
        if state is not claim.state:
            await note(connection, actor, _TURNED[state], environment=str(environment_id), name=name)
        return await find(connection, environment_id, name)


async def _release(connection: AsyncConnection, claim: Claim, now: datetime) -> None:
    await end_serving(connection, claim.environment_id, claim.name)
    if claim.state in SERVED:
        quarantined = {"state": Standing.QUARANTINED, "until": now + QUARANTINE, "problems": []}
        await _change(connection, claim.environment_id, claim.name, **quarantined)
    elif claim.state is Standing.REQUESTED:
        mine = (V.environment_id == claim.environment_id, V.name == claim.name)
        await connection.execute(delete(V).where(*mine))


async def _refuse_taken(connection: AsyncConnection, environment_id: UUID, name: str, now: datetime) -> None:
    """Raises DomainTaken. A quarantine that is over ends here."""
    over = (V.name == name, V.state == Standing.QUARANTINED, V.until <= now, V.environment_id != environment_id)
    await connection.execute(delete(V).where(*over))
    others = select(V.id).where(V.name == name, V.environment_id != environment_id, V.state.in_(HELD))
    if await connection.scalar(others) is not None:
        raise DomainTaken("This name is in use on the platform, or was until lately.", field="name")


async def _refuse_too_many(connection: AsyncConnection, environment_id: UUID, most: int) -> None:
    mine = (V.environment_id == environment_id, V.state != Standing.QUARANTINED)
    number = await connection.scalar(select(func.count()).where(*mine))
    if (number or 0) >= most:
        raise TooManyDomains(f"Your plan has {most} own domains: release one first.", field="name", most=most)


async def _change(connection: AsyncConnection, environment_id: UUID, name: str, **facts: object) -> None:
    mine = update(V).where(V.environment_id == environment_id, V.name == name)
    await connection.execute(mine.values(**facts))
