"""What clients see of outgoing traffic and mail, and the domains that their mail comes from, on the control plane."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import requires
from schema.ids import PLATFORM, row_id
from schema.ops.known import TenantId, known_tenant
from schema.outgoing import OutgoingMailPayload, PlatformFacts, checked, facts_of
from schema.payloads import ARGUMENTS, attempt_outside, user_error
from tenants.outgoing.mail_domains import enter
from tenants.registry.actions import TenantNotFound

MANAGE = requires(Permission.MANAGE_TENANTS)
Domain = Annotated[
    str | None, strawberry.argument(description="The domain, such as mg.example.org; null: the platform's own address.")
]


async def read_facts(info: Info, tenant_id: TenantId) -> PlatformFacts | None:
    """The facts for a client."""
    tenant = known_tenant(info.context, tenant_id)
    return None if tenant is None else await facts_of(info.context, tenant)


async def set_mail_domain(info: Info, tenant_id: TenantId, domain: Domain = None) -> OutgoingMailPayload:
    """Enter a domain; it is used once its DNS is right."""
    row, context = row_id(tenant_id, "Tenant", PLATFORM), info.context
    done = enter(context.services.databases, row, domain, actor=context.who)
    _, errors = await attempt_outside(context, done, ARGUMENTS)
    facts = None if errors else await read_facts(info, tenant_id)
    return OutgoingMailPayload(user_errors=errors, mail=facts.mail if facts else None)


async def check_mail_domain(info: Info, tenant_id: TenantId) -> OutgoingMailPayload:
    """Look at the DNS of a client's domain."""
    tenant = known_tenant(info.context, tenant_id)
    if tenant is None:
        return OutgoingMailPayload(user_errors=[user_error(TenantNotFound("There is no such tenant."))], mail=None)
    return await checked(info.context, tenant)


@strawberry.type
class OutgoingQueries:
    """Facts for clients."""

    platform_facts: PlatformFacts | None = strawberry.field(
        resolver=read_facts,
        description="What a client sees of where its traffic and mail come from; null if there is no such tenant.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


@strawberry.type
class OutgoingMutations:
    """Where clients' mail comes from."""

    set_mail_domain: OutgoingMailPayload | None = strawberry.field(
        resolver=set_mail_domain,
        description="Enter the domain that a client's mail shall come from; it does once the records are in the DNS.",
        metadata=MANAGE,
    )
    check_mail_domain: OutgoingMailPayload | None = strawberry.field(
        resolver=check_mail_domain,
        description="Ask the DNS whether a client's mail can come from its own domain; from then on it does, or no more.",
        metadata=MANAGE,
    )
