"""The names under which this site answers: the client's own domains, the primary one, those that lead there."""

from __future__ import annotations

import strawberry

from domain.kernel.features import Feature
from schema import domains
from schema.arguments import Info
from schema.declare import requires
from schema.domains import MAY_CHANGE, MAY_SEE, NameInput, RedirectInput, SiteHosts, SiteHostsPayload

CHANGE = requires(MAY_CHANGE)
TAKE = requires(MAY_CHANGE, feature=Feature.OWN_DOMAIN)
"""What the plan decides; looking, mending and releasing are free to whoever had own domains once."""


async def read_here(info: Info) -> SiteHosts:
    """The names of this site."""
    return await domains.read_site_hosts(info.context, info.context.environment)


async def request(info: Info, typed: NameInput) -> SiteHostsPayload:
    """Ask for a name."""
    return await domains.request(info.context, info.context.environment, typed)


async def check(info: Info, typed: NameInput) -> SiteHostsPayload:
    """Ask the DNS."""
    return await domains.check(info.context, info.context.environment, typed)


async def activate(info: Info, typed: NameInput) -> SiteHostsPayload:
    """Serve a name."""
    return await domains.activate(info.context, info.context.environment, typed)


async def release(info: Info, typed: NameInput) -> SiteHostsPayload:
    """Give a name up."""
    return await domains.release(info.context, info.context.environment, typed)


async def prefer(info: Info, typed: NameInput) -> SiteHostsPayload:
    """Build links with a name."""
    return await domains.prefer(info.context, info.context.environment, typed)


async def lead(info: Info, typed: RedirectInput) -> SiteHostsPayload:
    """Let a name lead to the primary one, or not."""
    return await domains.lead(info.context, info.context.environment, typed)


@strawberry.type
class DomainQueries:
    """The names of the site."""

    site_hosts: SiteHosts | None = strawberry.field(
        resolver=read_here,
        description="The names under which the site answers, and the client's own domains.",
        metadata=requires(MAY_SEE),
    )


@strawberry.type
class DomainMutations:
    """Changes of the names."""

    request_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=request,
        description="Ask for a domain of the client's own. The answer has the DNS records that it needs.",
        metadata=TAKE,
    )
    check_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=check, description="Look at the DNS of an own domain now.", metadata=CHANGE
    )
    activate_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=activate,
        description="Look at the DNS once more, and let the site answer under the domain.",
        metadata=TAKE,
    )
    release_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=release,
        description="Give an own domain up; for 30 days only this client may take it again.",
        metadata=CHANGE,
    )
    set_primary_host: SiteHostsPayload | None = strawberry.field(
        resolver=prefer, description="Build links with this name from now on.", metadata=CHANGE
    )
    set_host_redirect: SiteHostsPayload | None = strawberry.field(
        resolver=lead, description="Let pages opened at a name lead to the primary one, or not.", metadata=CHANGE
    )
