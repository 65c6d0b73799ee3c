"""What leaves the platform, as administrators and the platform's staff see it: addresses of traffic, DNS records of mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import strawberry

from schema.context import Context
from schema.declare import PUBLIC, needs
from schema.descriptions import described
from schema.payloads import ARGUMENTS, UserError, attempt_outside
from tenants.environments import EnvironmentGroup, Tenant
from tenants.outgoing.mail_domains import MailDomain, entered, look, sender_of
from tenants.outgoing.records import Purpose, Record, record_set

described(
    Purpose,
    "What a DNS record of mail is for.",
    {
        Purpose.SPF: "Which servers may send.",
        Purpose.DKIM: "By which key mail is signed.",
        Purpose.DMARC: "What receivers do with mail that is neither.",
    },
    name="MailRecordPurpose",
)


@needs(PUBLIC)
@strawberry.type(description="The addresses that traffic to third parties comes from, such as calls of integrations.")
class OutgoingAddresses:
    """Those of one group."""

    group: EnvironmentGroup = strawberry.field(description="The group of environments.")
    addresses: list[str] = strawberry.field(description="All of them; traffic may come from any.")


@needs(PUBLIC)
@strawberry.type(description="A line to enter in the DNS, to be copied as it is.")
class MailRecord:
    """A record."""

    purpose: Purpose = strawberry.field(description="What it is for.")
    type: str = strawberry.field(description="TXT or CNAME.")
    name: str = strawberry.field(description="The whole name.")
    value: str = strawberry.field(description="The value.")


@needs(PUBLIC)
@strawberry.type(description="Where the client's mail comes from, and the DNS records that this needs.")
class OutgoingMail:
    """The sender and its records."""

    sender: str = strawberry.field(description="The address that mail comes from now.")
    domain: str | None = strawberry.field(
        description="The client's own domain that was entered for its mail; null: the platform's own, which needs nothing of the client."
    )
    domain_used_since: datetime | None = strawberry.field(
        description="Since when mail comes from that domain; null while its DNS is not right."
    )
    records: list[MailRecord] = strawberry.field(
        description="The one set of records that the domain needs; empty where mail comes from the platform's own."
    )
    problems: list[str] = strawberry.field(
        description="What was wrong in the DNS when it was asked now; empty if it was not asked."
    )


@needs(PUBLIC)
@strawberry.type(description="Facts about the platform that a client's IT asks for.")
class PlatformFacts:
    """What leaves the platform, and from where."""

    outgoing_addresses: list[OutgoingAddresses] = strawberry.field(description="By group of environments.")
    mail: OutgoingMail = strawberry.field(description="The client's mail.")


@needs(PUBLIC)
@strawberry.type(description="The answer to a look at, or a change of, the domain that a client's mail comes from.")
class OutgoingMailPayload:
    """The mail after it."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    mail: OutgoingMail | None = strawberry.field(description="The client's mail; null if nothing was done.")


async def facts_of(context: Context, tenant: Tenant) -> PlatformFacts:
    """The facts for one tenant."""
    settings = context.services.settings
    groups = [
        OutgoingAddresses(group=group, addresses=[str(one) for one in settings.outgoing_addresses.get(group.value, ())])
        for group in EnvironmentGroup
    ]
    return PlatformFacts(
        outgoing_addresses=groups, mail=_shown(context, tenant, await entered(context.services.databases, tenant.id))
    )


async def checked(context: Context, tenant: Tenant) -> OutgoingMailPayload:
    """Look at the DNS, use the domain or not from now on, and tell what was found."""
    done = look(context.services.databases, tenant.id, actor=context.who)
    found, errors = await attempt_outside(context, done, ARGUMENTS)
    if found is None:
        return OutgoingMailPayload(user_errors=errors, mail=None)
    now = replace(tenant, mail_domain=found.name if found.is_used else None)
    return OutgoingMailPayload(user_errors=[], mail=_shown(context, now, found))


def _shown(context: Context, tenant: Tenant, domain: MailDomain | None) -> OutgoingMail:
    settings = context.services.settings
    records = () if domain is None else record_set(domain.name, settings.mail_rules)
    return OutgoingMail(
        sender=sender_of(settings, tenant),
        domain=domain.name if domain else None,
        domain_used_since=domain.verified_at if domain else None,
        records=[_record(record) for record in records],
        problems=list(domain.problems) if domain else [],
    )


def _record(record: Record) -> MailRecord:
    return MailRecord(purpose=record.purpose, type=record.kind, name=record.name, value=record.value)
