"""`opscom domain`: from the request to the release, by hand."""

import asyncio

from tenants.environments import Environment
from tests.fixtures.vanity import Domains
from tests.opscom.test_cli import opscom, settings_of


async def test_a_domain_is_asked_for_entered_activated_made_primary_and_released(
    domains: Domains, client: Environment
) -> None:
    slug, name = client.tenant.slug, "parking.byhand.example"
    given = settings_of(domains.platform) | {"OPSCOM_DNS_SERVERS": f'["{domains.nameserver.address}"]'}

    async def run(*words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(opscom, "domain", *words, **given)
        return done.returncode, done.stdout + done.stderr

    code, shown = await run("add", slug, "Parking.ByHand.example")
    token = (await domains.claim(client, name)).token
    assert code == 0
    assert f"{name}. CNAME {client.primary_host}.\n" in shown
    assert f'_opscom-challenge.{name}. TXT "{token}"\n' in shown

    code, problems = await run("check", slug, name)
    assert code == 1
    assert f"{name} leads nowhere. Expected: CNAME {client.primary_host}." in problems
    code, refused = await run("activate", slug, name)
    assert (code, refused.partition(":")[0]) == (1, "domain.not_ready")

    await domains.enter(client, name)
    assert await run("check", slug, name) == (0, "The DNS is right.\n")
    assert await run("activate", slug, name) == (0, f"{name} is active\n")
    assert await run("primary", slug, name) == (0, f"{name} is primary\n")
    assert (await run("redirect", slug, client.primary_host))[0] == 0
    code, listed = await run("list", slug)
    assert listed.splitlines() == [
        f"{name}\t{name}\tactive\t-\t",
        f"host\t{client.primary_host}\tleads to the primary",
        f"host\t{name}\tprimary",
    ]

    assert await run("release", slug, name) == (0, f"{name} is released\n")
    assert await domains.known(client) == client
