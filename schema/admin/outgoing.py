"""Where traffic and mail of this client come from, for its IT."""

from __future__ import annotations

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import requires
from schema.outgoing import OutgoingMailPayload, PlatformFacts, checked, facts_of


async def read_facts(info: Info) -> PlatformFacts:
    """The facts for this client."""
    return await facts_of(info.context, info.context.environment.tenant)


async def check_mail_domain(info: Info) -> OutgoingMailPayload:
    """Look at the DNS of this client's domain."""
    return await checked(info.context, info.context.environment.tenant)


@strawberry.type
class OutgoingQueries:
    """Facts about the platform."""

    platform_facts: PlatformFacts | None = strawberry.field(
        resolver=read_facts,
        description="Where traffic and mail come from: for firewalls and for the DNS.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


@strawberry.type
class OutgoingMutations:
    """What a client's administrator does about its mail."""

    check_mail_domain: OutgoingMailPayload | None = strawberry.field(
        resolver=check_mail_domain,
        description="Ask the DNS whether the client's mail can come from its own domain; from then on it does, or no more.",
        metadata=requires(Permission.MANAGE_SETTINGS),
    )
