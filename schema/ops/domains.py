"""The names of any client's site on the control plane."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import strawberry

from domain.kernel.actor import Permission
from schema import domains
from schema.arguments import Info
from schema.context import Context
from schema.declare import requires
from schema.domains import NameInput, RedirectInput, SiteHosts, SiteHostsPayload
from schema.ids import NOBODY
from schema.ops.known import EnvironmentId, known_environment
from schema.payloads import user_error
from tenants.domains.errors import DomainNotFound
from tenants.environments import Environment

MANAGE = requires(Permission.MANAGE_TENANTS)
Typed = TypeVar("Typed")
Change = Callable[[Context, Environment, Typed], Awaitable[SiteHostsPayload]]


async def read_of(info: Info, environment_id: EnvironmentId) -> SiteHosts | None:
    """The names of a site."""
    here = known_environment(info.context, environment_id)
    return None if here is None else await domains.read_site_hosts(info.context, here)


async def request(info: Info, environment_id: EnvironmentId, typed: NameInput) -> SiteHostsPayload:
    """Ask for a name."""
    return await _at(info.context, environment_id, domains.request, typed)


async def check(info: Info, environment_id: EnvironmentId, typed: NameInput) -> SiteHostsPayload:
    """Ask the DNS."""
    return await _at(info.context, environment_id, domains.check, typed)


async def activate(info: Info, environment_id: EnvironmentId, typed: NameInput) -> SiteHostsPayload:
    """Serve a name."""
    return await _at(info.context, environment_id, domains.activate, typed)


async def release(info: Info, environment_id: EnvironmentId, typed: NameInput) -> SiteHostsPayload:
    """Give a name up."""
    return await _at(info.context, environment_id, domains.release, typed)


async def prefer(info: Info, environment_id: EnvironmentId, typed: NameInput) -> SiteHostsPayload:
    """Build links with a name."""
    return await _at(info.context, environment_id, domains.prefer, typed)


async def lead(info: Info, environment_id: EnvironmentId, typed: RedirectInput) -> SiteHostsPayload:
    """Let a name lead to the primary one, or not."""
    return await _at(info.context, environment_id, domains.lead, typed)


async def _at(context: Context, environment_id: str, change: Change[Typed], typed: Typed) -> SiteHostsPayload:
    here = known_environment(context, environment_id)
    if here is None:
        return SiteHostsPayload(row=NOBODY, user_errors=[user_error(DomainNotFound("There is no such site."))])
    return await change(context, here, typed)


@strawberry.type
class DomainQueries:
    """The names of sites."""

    site_hosts: SiteHosts | None = strawberry.field(
        resolver=read_of,
        description="The names under which an environment answers, and the client's own domains.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


@strawberry.type
class DomainMutations:
    """Changes of the names, for the client."""

    request_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=request,
        description="Ask for a domain of a client's own. The answer has the DNS records that it needs.",
        metadata=MANAGE,
    )
    check_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=check, description="Look at the DNS of an own domain now.", metadata=MANAGE
    )
    activate_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=activate,
        description="Look at the DNS once more, and let the site answer under the domain.",
        metadata=MANAGE,
    )
    release_own_domain: SiteHostsPayload | None = strawberry.field(
        resolver=release,
        description="Give an own domain up; for 30 days only the same client may take it again.",
        metadata=MANAGE,
    )
    set_primary_host: SiteHostsPayload | None = strawberry.field(
        resolver=prefer, description="Build an environment's links with this name from now on.", metadata=MANAGE
    )
    set_host_redirect: SiteHostsPayload | None = strawberry.field(
        resolver=lead, description="Let pages opened at a name lead to the primary one, or not.", metadata=MANAGE
    )
