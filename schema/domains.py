"""The host names of a site and a client's own domains, as the admin API and the control plane show and change them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import Feature
from schema.context import Context
from schema.declare import PUBLIC, needs, sized
from schema.descriptions import described
from schema.payloads import UserError, attempt_outside
from tenants.domains import actions
from tenants.domains.dns import Dns
from tenants.domains.queries import Host, claims_of, hosts_of, zone_of
from tenants.domains.rules import SERVED, Claim, Standing, is_apex, written
from tenants.domains.serving import VANITY, set_primary, set_redirect
from tenants.domains.zone import Need, Zone, records_of
from tenants.environments import Environment
from tenants.hostnames import normalise_host

MAY_SEE, MAY_CHANGE = Permission.VIEW_SETTINGS, Permission.MANAGE_DOMAINS
"""Who sees the host names in the admin API, and who changes them."""

described(
    Standing,
    "Where a client's own domain stands.",
    {
        Standing.REQUESTED: "Asked for: served once the DNS is right and it is activated.",
        Standing.ACTIVE: "Served.",
        Standing.FAILING: "Served for some days more, since the DNS went wrong; no link leads there meanwhile.",
        Standing.QUARANTINED: "Released: for some days only this client may take it again.",
    },
    name="OwnDomainState",
)
described(
    Need,
    "Whether a DNS record must be there.",
    {
        Need.ALWAYS: "It must.",
        Need.EITHER: "One of those that say so must.",
        Need.WHERE_LIMITED: "Only where the domain limits who may issue certificates.",
    },
    name="DnsRecordNeed",
)


@needs(PUBLIC)
@strawberry.type(description="A DNS record that an own domain needs, to be copied as it is.")
class DnsRecord:
    """One record."""

    kind: str = strawberry.field(description="CNAME, ALIAS (or ANAME), A, AAAA, TXT or CAA.")
    name: str = strawberry.field(description="The whole name.")
    label: str = strawberry.field(
        description="The name as most providers' forms want it: relative to the domain, or @."
    )
    value: str = strawberry.field(description="The value.")
    line: str = strawberry.field(description="The record as a line of a zone file.")
    need: Need = strawberry.field(description="Whether it must be there.")
    why: str = strawberry.field(description="What it is for, and what to mind.")


@needs(PUBLIC)
@strawberry.type(description="A domain of the client's own. The field that returns it says who may see it.")
class OwnDomain:
    """A claim."""

    name: str = strawberry.field(description="The name as DNS has it.")
    written: str = strawberry.field(description="The name as people write it.")
    is_whole_domain: bool = strawberry.field(description="Whether it is a whole domain, which can have no CNAME.")
    state: Standing = strawberry.field(description="Where it stands.")
    is_served: bool = strawberry.field(description="Whether the site answers under it.")
    records: list[DnsRecord] = strawberry.field(description="The DNS records that it needs.", metadata=sized(6))
    problems: list[str] = strawberry.field(
        description="What the last check found wrong or could not ask, in words; empty if all was right, or before the first."
    )
    requested_by: str = strawberry.field(description="Who asked for it.")
    requested_at: datetime = strawberry.field(description="When it was asked for.")
    checked_at: datetime | None = strawberry.field(description="When the DNS was last asked.")
    verified_at: datetime | None = strawberry.field(description="When it was last found right while it was served.")
    until: datetime | None = strawberry.field(
        description="When a failing one is served no more, or a quarantined one is free for others."
    )


@needs(PUBLIC)
@strawberry.type(description="A host name under which the site answers.")
class SiteHost:
    """One host."""

    name: str = strawberry.field(description="The name.")
    is_own_domain: bool = strawberry.field(description="Whether it is the client's own; else the platform's.")
    is_primary: bool = strawberry.field(description="Whether links are built with it.")
    is_redirect: bool = strawberry.field(description="Whether pages opened there lead to the primary one.")
    until: datetime | None = strawberry.field(description="When an old name of a renamed client ends.")


@needs(PUBLIC)
@strawberry.type(description="The names of a site: where it answers, and the client's own domains.")
class SiteHosts:
    """All names."""

    hosts: list[SiteHost] = strawberry.field(description="Where the site answers.", metadata=sized(12))
    own_domains: list[OwnDomain] = strawberry.field(
        description="The client's own domains by name: asked for, served, or released lately.", metadata=sized(10)
    )
    is_included: bool = strawberry.field(description="Whether the client may ask for own domains.")
    most: int = strawberry.field(description="How many own domains it may have at once.")


async def _hosts_of_payload(
    payload: strawberry.Parent[SiteHostsPayload], info: strawberry.Info[Context, None]
) -> SiteHosts | None:
    here = info.context.services.registry.by_id(payload.row)
    return None if here is None else await read_site_hosts(info.context, here)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a site's names. Whoever may change them sees them.")
class SiteHostsPayload:
    """The names after the change."""

    row: strawberry.Private[UUID]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    site_hosts: SiteHosts | None = strawberry.field(
        resolver=_hosts_of_payload, description="The names as they are now, with what was found in the DNS."
    )


@strawberry.input(description="A name of the site.")
class HostNameInput:
    """The form with one name."""

    name: str = strawberry.field(description="The name, such as parking.example.org.")


@strawberry.input(description="Whether a name of the site leads to the primary one.")
class HostRedirectInput:
    """The form with a name and a switch."""

    name: str = strawberry.field(description="The name; not the primary one.")
    leads: bool = strawberry.field(
        description="True: pages opened there lead to the primary name. False: it answers itself."
    )


NameInput = Annotated[HostNameInput, strawberry.argument(name="input", description="Which name.")]
RedirectInput = Annotated[
    HostRedirectInput, strawberry.argument(name="input", description="Which name, and what it does.")
]


async def read_site_hosts(context: Context, here: Environment) -> SiteHosts:
    """The names of a site as the registry has them."""
    databases, settings = context.services.databases, context.services.settings
    hosts = await hosts_of(databases, here.id)
    claims = await claims_of(databases, here.id)
    return SiteHosts(
        hosts=[_shown_host(host) for host in hosts],
        own_domains=[_shown(claim, zone_of(claim, hosts, settings)) for claim in claims],
        is_included=Feature.OWN_DOMAIN in here.features,
        most=here.tenant.entitled.limits.own_domains,
    )


async def request(context: Context, here: Environment, typed: HostNameInput) -> SiteHostsPayload:
    """Ask for a name."""
    databases, actor = context.services.databases, context.who
    return await _changed(context, here, lambda: actions.request(databases, here, typed.name, actor=actor))


async def check(context: Context, here: Environment, typed: HostNameInput) -> SiteHostsPayload:
    """Ask the DNS."""
    databases, dns, actor = context.services.databases, Dns.of(context.services.settings), context.who
    return await _changed(
        context, here, lambda: actions.check(databases, dns, here.id, _plain(typed.name), actor=actor)
    )


async def activate(context: Context, here: Environment, typed: HostNameInput) -> SiteHostsPayload:
    """Serve a name."""
    databases, dns, actor = context.services.databases, Dns.of(context.services.settings), context.who
    return await _changed(
        context, here, lambda: actions.activate(databases, dns, here, _plain(typed.name), actor=actor)
    )


async def release(context: Context, here: Environment, typed: HostNameInput) -> SiteHostsPayload:
    """Give a name up."""
    databases, actor = context.services.databases, context.who
    return await _changed(context, here, lambda: actions.release(databases, here.id, _plain(typed.name), actor=actor))


async def prefer(context: Context, here: Environment, typed: HostNameInput) -> SiteHostsPayload:
    """Build links with a name."""
    databases, actor = context.services.databases, context.who
    return await _changed(context, here, lambda: set_primary(databases, here.id, _plain(typed.name), actor=actor))


async def lead(context: Context, here: Environment, typed: HostRedirectInput) -> SiteHostsPayload:
    """Let a name lead to the primary one, or not."""
    databases, actor, leads = context.services.databases, context.who, typed.leads
    return await _changed(
        context, here, lambda: set_redirect(databases, here.id, _plain(typed.name), leads=leads, actor=actor)
    )


async def _changed(context: Context, here: Environment, do: Callable[[], Awaitable[object]]) -> SiteHostsPayload:
    """Do it, and tell every process: a refusal too may have found a name failing."""

    async def done() -> None:
        await do()

    _, errors = await attempt_outside(context, done())
    if errors:
        await context.services.announce()
    return SiteHostsPayload(row=here.id, user_errors=errors)


def _plain(typed: str) -> str:
    """A name of the site as DNS has it. Raises MalformedHost."""
    return normalise_host(typed.strip().encode())


def _shown(claim: Claim, zone: Zone) -> OwnDomain:
    return OwnDomain(
        name=claim.name,
        written=written(claim.name),
        is_whole_domain=is_apex(claim.name),
        state=claim.state,
        is_served=claim.state in SERVED,
        records=[
            DnsRecord(
                kind=record.kind,
                name=record.name,
                label=record.label,
                value=record.value,
                line=record.line,
                need=record.need,
                why=record.why,
            )
            for record in records_of(zone)
        ],
        problems=list(claim.problems),
        requested_by=claim.requested_by,
        requested_at=claim.requested_at,
        checked_at=claim.checked_at,
        verified_at=claim.verified_at,
        until=claim.until,
    )


def _shown_host(host: Host) -> SiteHost:
    return SiteHost(
        name=host.name,
        is_own_domain=host.kind == VANITY,
        is_primary=host.is_primary,
        is_redirect=host.is_redirect,
        until=host.until,
    )
