"""A client's own domain as the sender of its mail: used while its DNS is right, by a real DNS server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, update

from jobs.runner import Runner
from opscom.platform import Platform
from tenants.databases import REGISTRY, Databases
from tenants.domains.errors import DomainNameRefused
from tenants.environments import Environment
from tenants.outgoing.mail_domains import (
    MailDomainMissing,
    MailDomainNotOffered,
    MailDomainSilent,
    MailDomainTaken,
    enter,
    entered,
    look,
    sender_of,
)
from tenants.platform_tasks import ledger_name
from tenants.registry.history import audit
from tenants.registry.models import TenantRow
from tests.fixtures.jobs import Desk
from tests.fixtures.nameserver import Nameserver
from tests.fixtures.platform import MakeTenant
from tests.tenants.plans.test_actions import audited, now

BASE = "sends.example.org"
KEY = "k=rsa; p=MIGfMA0"
PLATFORMS = "no-reply@ops-com.localhost"


@pytest.fixture
async def offering(platform: Platform, nameserver: Nameserver) -> AsyncIterator[Platform]:
    """The platform of a deployment that says who sends for it, and asks the test's DNS."""
    settings = platform.settings.model_copy(
        update={
            "dns_servers": (nameserver.address,),
            "mail_spf": ("include:mailgun.org",),
            "mail_dkim": {"smtp": KEY},
        }
    )
    databases = Databases(
        settings,
        platform.key_ring,
        platform.clock,
        reactions={},
        publish=platform.bus.committed,
        data_keys=lambda: platform.registry.current.data_keys,
        cells=lambda: platform.registry.current.cells,
    )
    yield replace(platform, settings=settings, databases=databases)
    await databases.close()


def put_right(nameserver: Nameserver, domain: str) -> None:
    """The records that a client enters; a long key comes in pieces."""
    nameserver.put(domain, "TXT", '"v=spf1 mx include:mailgun.org -all"')
    nameserver.put(f"smtp._domainkey.{domain}", "TXT", '"k=rsa; " "p=MIGfMA0"')
    nameserver.put("_dmarc.example.org", "TXT", '"v=DMARC1; p=reject"')


async def sender(platform: Platform, tenant: Environment) -> str:
    """Where mail comes from, as a worker knows it."""
    return sender_of(platform.settings, (await now(platform, tenant)).tenant)


async def test_mail_comes_from_the_clients_domain_from_the_moment_that_its_dns_is_right(
    offering: Platform, nameserver: Nameserver, tenant: Environment
) -> None:
    domain = f"one.{BASE}"
    await enter(offering.databases, tenant.tenant.id, domain.upper() + ".", actor="sam")
    missing = await look(offering.databases, tenant.tenant.id, actor="ann")
    before = await sender(offering, tenant)

    put_right(nameserver, domain)
    found = await look(offering.databases, tenant.tenant.id, actor="ann")

    assert (before, await sender(offering, tenant)) == (PLATFORMS, f"no-reply@{domain}")
    assert len(missing.problems) == 3
    assert (found.problems, found.is_used) == ((), True)
    assert await audited(offering, tenant) == [
        ("mail_domain_changed", {"before": "", "after": domain}),
        ("mail_domain_used", {"domain": domain, "problems": ""}),
    ]


async def test_a_record_that_is_removed_brings_the_platforms_address_back(
    offering: Platform, nameserver: Nameserver, tenant: Environment
) -> None:
    domain = f"two.{BASE}"
    put_right(nameserver, domain)
    await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    await look(offering.databases, tenant.tenant.id, actor="ann")

    nameserver.put(f"smtp._domainkey.{domain}", "TXT")
    found = await look(offering.databases, tenant.tenant.id, actor="ann")

    assert await sender(offering, tenant) == PLATFORMS
    assert [problem.partition(".")[0] for problem in found.problems] == ["The DKIM key is not there"]


async def test_a_dns_that_does_not_answer_changes_nothing(
    offering: Platform, nameserver: Nameserver, tenant: Environment
) -> None:
    domain = f"three.{BASE}"
    put_right(nameserver, domain)
    await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    await look(offering.databases, tenant.tenant.id, actor="ann")

    nameserver.broken.add(domain)
    with pytest.raises(MailDomainSilent):
        await look(offering.databases, tenant.tenant.id, actor="ann")

    assert await sender(offering, tenant) == f"no-reply@{domain}"


async def test_another_domain_is_not_used_before_it_was_looked_at_and_none_brings_the_platforms_back(
    offering: Platform, nameserver: Nameserver, tenant: Environment
) -> None:
    domain = f"four.{BASE}"
    put_right(nameserver, domain)
    await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    await look(offering.databases, tenant.tenant.id, actor="ann")

    await enter(offering.databases, tenant.tenant.id, f"next.{domain}", actor="sam")
    changed = await sender(offering, tenant)
    await enter(offering.databases, tenant.tenant.id, None, actor="sam")

    assert changed == PLATFORMS
    assert await entered(offering.databases, tenant.tenant.id) is None
    with pytest.raises(MailDomainMissing):
        await look(offering.databases, tenant.tenant.id, actor="ann")


async def test_what_can_be_no_sender_is_refused(
    offering: Platform, platform: Platform, tenant: Environment, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    await enter(offering.databases, other.tenant.id, f"five.{BASE}", actor="sam")

    for domain, refusal in (
        (f"five.{BASE}", MailDomainTaken),
        ("mail.ops-com.localhost", DomainNameRefused),
        ("co.uk", DomainNameRefused),
        ("no name", DomainNameRefused),
    ):
        with pytest.raises(refusal):
            await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    with pytest.raises(MailDomainNotOffered):
        await enter(platform.databases, tenant.tenant.id, f"six.{BASE}", actor="sam")

    assert await sender(offering, tenant) == PLATFORMS


async def test_each_day_every_domain_is_looked_at_again(
    offering: Platform, nameserver: Nameserver, desk: Desk, tenant: Environment
) -> None:
    domain = f"seven.{BASE}"
    await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    put_right(nameserver, domain)
    (run_id,) = await desk.queue(ledger_name(desk.platform.databases.database_name(REGISTRY)), "verify_mail_domains")

    await Runner(offering, timing=desk.timing).run(run_id)

    run: Any = await desk.run(run_id)
    assert run["state"] == "succeeded"
    assert run["counters"]["updated"] >= 1
    assert await sender(offering, tenant) == f"no-reply@{domain}"


async def test_a_look_at_a_domain_that_was_taken_away_meanwhile_changes_and_notes_nothing(
    offering: Platform, nameserver: Nameserver, tenant: Environment
) -> None:
    """The audit once said that a domain is used which was nobody's any more."""
    domain = f"meanwhile.{BASE}"
    await enter(offering.databases, tenant.tenant.id, domain, actor="sam")
    put_right(nameserver, domain)
    waits = text("select 1 from pg_locks where not granted and :pid = any(pg_blocking_pids(pid))")
    async with offering.databases.control().begin() as connection:
        pid = await connection.scalar(text("select pg_backend_pid()"))
        row = update(TenantRow).where(TenantRow.id == tenant.tenant.id)
        await connection.execute(row.values(mail_domain=None))
        looking = asyncio.create_task(look(offering.databases, tenant.tenant.id, actor="ann"))
        while not looking.done():
            async with offering.databases.control().connect() as other:
                if await other.scalar(waits, {"pid": pid}) is not None:
                    break

    with pytest.raises(MailDomainMissing):
        await looking

    entries = await audit(offering.databases.control(), number=5, tenant_id=tenant.tenant.id)
    assert "mail_domain_used" not in [entry.action for entry in entries]
