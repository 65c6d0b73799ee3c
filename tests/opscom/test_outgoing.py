"""Where traffic and mail come from, on the command line."""

import asyncio

from opscom.platform import Platform
from tenants.environments import Environment
from tests.opscom.test_cli import opscom, settings_of


async def test_staff_read_addresses_enter_a_domain_and_see_its_records(platform: Platform, tenant: Environment) -> None:
    slug = tenant.tenant.slug
    given = settings_of(platform) | {
        "OPSCOM_MAIL_SPF": '["include:mailgun.org"]',
        "OPSCOM_MAIL_DKIM": '{"smtp": "k=rsa; p=MIGf"}',
        "OPSCOM_OUTGOING_ADDRESSES": '{"test": ["208.124.170.242"], "live": ["209.217.117.82", "209.217.117.84"]}',
    }

    def steps() -> list[str]:
        done = [
            opscom("mail", "facts", slug, **given),
            opscom("mail", "domain", slug, "mg.by-hand.example.org", **given),
            opscom("mail", "domain", slug, **given),
            opscom("mail", "check", slug, **given),
            opscom("mail", "records", **given),
        ]
        return [one.stdout + one.stderr for one in done]

    facts, entered, taken_away, unknown, own = await asyncio.to_thread(steps)

    assert "traffic of the live group comes from 209.217.117.82 209.217.117.84\n" in facts
    assert "mail comes from no-reply@ops-com.localhost\n" in facts
    assert "domain mg.by-hand.example.org is not used" in entered
    assert 'mg.by-hand.example.org.\tIN\tTXT\t"v=spf1 include:mailgun.org ~all"\n' in entered
    assert "domain" not in taken_away
    assert unknown.startswith("mail_domain.missing: ")
    assert '_dmarc.ops-com.localhost.\tIN\tTXT\t"v=DMARC1; p=none"\n' in own
