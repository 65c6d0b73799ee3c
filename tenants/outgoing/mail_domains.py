"""A client's own domain as the sender of its mail: entered by the platform's staff, used once its DNS is right.

While it is not, mail comes from the platform's own address, so that nothing is lost to a record that somebody removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from domain.kernel.errors import Conflict, Unavailable
from tenants.domains.dns import Dns, Silent
from tenants.domains.errors import DomainNameRefused
from tenants.domains.rules import apex_of, checked_name
from tenants.outgoing.records import Purpose, Record, key_problem, policy_problem, record_set, spf_problem
from tenants.registry.actions import TenantNotFound, note
from tenants.registry.models import TenantRow

if TYPE_CHECKING:
    from dns.rdata import Rdata

    from tenants.databases import Databases
    from tenants.environments import Tenant
    from tenants.outgoing.records import MailRules
    from tenants.settings import Settings


class MailDomainNotOffered(Conflict):
    """The deployment does not say who sends for it and by which key, so no domain of a client can be right."""

    code = "mail_domain.not_offered"


class MailDomainTaken(Conflict):
    """Another tenant sends its mail from this domain."""

    code = "mail_domain.taken"


class MailDomainMissing(Conflict):
    """The tenant's mail comes from the platform's own address."""

    code = "mail_domain.missing"


class MailDomainSilent(Unavailable):
    """The DNS of the domain could not be asked: nothing is known, and nothing was changed."""

    code = "mail_domain.silent"


@dataclass(frozen=True, slots=True)
class MailDomain:
    """The domain that was entered for a tenant, and since when it is used; None: not now. ``problems`` of the last look."""

    name: str
    verified_at: datetime | None
    problems: tuple[str, ...] = ()

    @property
    def is_used(self) -> bool:
        """Whether mail comes from it."""
        return self.verified_at is not None


def sender_of(settings: Settings, tenant: Tenant) -> str:
    """The address that a tenant's mail comes from: the platform's, or the same below the tenant's own domain."""
    local, _, platform = settings.sender.rpartition("@")
    return f"{local}@{tenant.mail_domain or platform}"


async def enter(databases: Databases, tenant_id: UUID, typed: str | None, *, actor: str) -> None:
    """Enter a domain for a tenant's mail, or take it away. It is used once a look at its DNS found all right.

    Raises TenantNotFound, MailDomainNotOffered, DomainNameRefused, MailDomainTaken.
    """
    settings = databases.settings
    if typed is not None and not settings.mail_rules.is_whole:
        raise MailDomainNotOffered("This deployment sends no mail from clients' own domains.")
    name = None if typed is None else _checked(typed, settings.base_domain)
    async with databases.control().begin() as connection:
        t = TenantRow
        row = (await connection.execute(select(t.mail_domain).where(t.id == tenant_id).with_for_update())).one_or_none()
        if row is None:
            raise TenantNotFound("There is no such tenant.")
        if row.mail_domain == name:
            return
        changed = update(t).where(t.id == tenant_id).values(mail_domain=name, mail_domain_verified_at=None)
        try:
            await connection.execute(changed)
        except IntegrityError as error:
            raise MailDomainTaken("Another tenant sends its mail from this domain.", field="domain") from error
        facts = {"before": row.mail_domain or "", "after": name or ""}
        await note(connection, actor, "mail_domain_changed", tenant=str(tenant_id), **facts)


def _checked(typed: str, base_domain: str) -> str:
    try:
        return checked_name(typed, base_domain)
    except DomainNameRefused as error:
        raise DomainNameRefused(error.message, field="domain") from None


async def entered(databases: Databases, tenant_id: UUID) -> MailDomain | None:
    """The domain that was entered for a tenant, if any."""
    t = TenantRow
    wanted = select(t.mail_domain, t.mail_domain_verified_at).where(t.id == tenant_id, t.mail_domain.is_not(None))
    async with databases.control().connect() as connection:
        row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else MailDomain(row.mail_domain, row.mail_domain_verified_at)


async def all_entered(databases: Databases) -> Sequence[tuple[UUID, MailDomain]]:
    """All that were entered, by tenant."""
    t = TenantRow
    wanted = select(t.id, t.mail_domain, t.mail_domain_verified_at).where(t.mail_domain.is_not(None)).order_by(t.id)
    async with databases.control().connect() as connection:
        rows = (await connection.execute(wanted)).all()
    return [(row.id, MailDomain(row.mail_domain, row.mail_domain_verified_at)) for row in rows]


async def look(databases: Databases, tenant_id: UUID, *, actor: str) -> MailDomain:
    """Look at the DNS of a tenant's domain, and use it from now on or no more.

    Where the DNS does not answer nothing is known and nothing changes. Raises MailDomainMissing, MailDomainSilent.
    """
    known = await entered(databases, tenant_id)
    if known is None:
        raise MailDomainMissing("No domain was entered for this client's mail.")
    try:
        problems = await problems_of(Dns.of(databases.settings), known.name, databases.settings.mail_rules)
    except Silent as error:
        raise MailDomainSilent("The DNS of the domain could not be asked; try again.", domain=known.name) from error
    if bool(problems) != known.is_used:
        return MailDomain(known.name, known.verified_at, problems)
    t, is_right = TenantRow, not problems
    async with databases.control().begin() as connection:
        same = update(t).where(t.id == tenant_id, t.mail_domain == known.name)
        moment = func.clock_timestamp() if is_right else None
        written = same.values(mail_domain_verified_at=moment).returning(t.mail_domain_verified_at)
        row = (await connection.execute(written)).one_or_none()
        if row is None:
            raise MailDomainMissing("Another domain was entered meanwhile, or none.")
        action = "mail_domain_used" if is_right else "mail_domain_failed"
        await note(connection, actor, action, tenant=str(tenant_id), domain=known.name, problems=" ".join(problems))
    return MailDomain(known.name, row.mail_domain_verified_at, problems)


async def problems_of(dns: Dns, domain: str, rules: MailRules) -> tuple[str, ...]:
    """What is wrong with the records of a domain, in words. Raises Silent."""
    found = [await _problem(dns, domain, record, rules) for record in record_set(domain, rules)]
    return tuple(problem for problem in found if problem is not None)


async def _problem(dns: Dns, domain: str, record: Record, rules: MailRules) -> str | None:
    answer = await dns.ask(record.name, "TXT")
    texts = _texts(answer.values)
    if record.purpose is Purpose.SPF:
        return spf_problem(texts, rules)
    if record.purpose is Purpose.DKIM:
        return key_problem(record, texts, answer.chain)
    above = apex_of(domain)
    is_below = above is not None and above != domain
    return policy_problem(record, texts, _texts((await dns.ask(f"_dmarc.{above}", "TXT")).values) if is_below else ())


def _texts(values: Sequence[Rdata]) -> list[str]:
    """Each TXT record as one text: long ones come in pieces."""
    return [b"".join(getattr(value, "strings", ())).decode("ascii", "replace") for value in values]
