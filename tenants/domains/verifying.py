"""Checking all own domains again: those that are served, and those that were until their DNS went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import delete

from tenants.domains.actions import begin, keep, look
from tenants.domains.errors import DomainNotFound, DomainTaken
from tenants.domains.queries import claim, claims
from tenants.domains.rules import SERVED, Claim, Standing, Verdict, is_doubtful
from tenants.environments import State
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import VanityDomainRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.databases import Databases
    from tenants.domains.dns import Dns

AT_ONCE = 20
ACTOR = "domain verification"
V = VanityDomainRow


@dataclass(frozen=True, slots=True)
class Looked:
    """A claim as it was, and what the DNS says of it."""

    claim: Claim
    verdict: Verdict


async def due(databases: Databases) -> Sequence[Claim]:
    """The claims to be checked, the one that was checked longest ago first."""
    e = EnvironmentRow
    was_served = V.state.in_(SERVED) | ((V.state == Standing.REQUESTED) & V.verified_at.is_not(None))
    wanted = claims().join(e, V.environment_id == e.id).where(was_served, e.state.in_((State.ACTIVE, State.SUSPENDED)))
    async with databases.control().connect() as connection:
        return [claim(row) for row in await connection.execute(wanted.order_by(V.checked_at, V.name))]


async def look_at_all(databases: Databases, dns: Dns, claims: Sequence[Claim]) -> list[Looked]:
    """Ask the DNS for all of them, some at once; nothing is changed."""
    found: list[Looked] = []
    for batch in _batched(claims, AT_ONCE):
        verdicts = await asyncio.gather(*(look(databases, dns, one) for one in batch))
        found += [Looked(one, verdict) for one, verdict in zip(batch, verdicts, strict=True)]
    return found


def is_our_fault(found: Sequence[Looked]) -> bool:
    """Whether so much of what was right is wrong at once that nothing of it is believed."""
    were_right = [one for one in found if one.claim.state is Standing.ACTIVE]
    return is_doubtful(sum(bool(one.verdict.problems) for one in were_right), len(were_right))


async def follow(databases: Databases, one: Looked) -> Claim | None:
    """Write what was found, and let a name answer again that was given up and is right. None if somebody else has it now."""
    at = one.claim.environment_id, one.claim.name
    try:
        kept = await keep(databases, *at, one.verdict, actor=ACTOR)
        if kept.state is Standing.REQUESTED and one.verdict.is_right:
            await begin(databases, *at, actor=ACTOR)
    except (DomainTaken, DomainNotFound):
        return None
    return kept


async def free_quarantined(databases: Databases) -> Sequence[str]:
    """Let everybody have again what was in quarantine until now. Returns the names."""
    over = delete(V).where(V.state == Standing.QUARANTINED, V.until <= databases.clock())
    async with databases.control().begin() as connection:
        return (await connection.scalars(over.returning(V.name))).all()


def _batched(claims: Iterable[Claim], size: int) -> Iterator[list[Claim]]:
    rest = iter(claims)
    while batch := list(islice(rest, size)):
        yield batch
