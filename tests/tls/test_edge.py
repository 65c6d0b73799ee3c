"""Certificates for clients' own domains: at the first visit, for nobody unknown, and while databases are away.

Caddy runs by the file that is shipped, pebble is the authority, the DNS server is the test's own, the gateway a process.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator

import pytest

from gateway.server import KEPT_ALIVE_S
from tenants.domains import actions
from tenants.domains.dns import Dns
from tenants.domains.serving import set_primary, set_redirect
from tenants.environments import Environment
from tests.patience import patience
from tests.tls.authority import OURS
from tests.tls.edge import CADDYFILE, Edge, Visit, new_site, running_edge

FLOOD = 200
ICON = "/static/any/icon.svg"
"""What a gateway serves without a database."""


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """Everything on loopback."""
    async with running_edge(tmp_path_factory.mktemp("tls")) as edge:
        yield edge


async def test_a_new_domain_has_a_certificate_at_its_first_visit_and_links_are_built_with_it(edge: Edge) -> None:
    site, name = await new_site(edge, "first"), "parking.client.example"
    shown = await edge.command("domain", "add", "first", name)
    await _refused(edge, name)

    for line in shown.splitlines():
        if not line.startswith(";"):
            at, kind, value = line.split(" ", 2)
            edge.nameserver.put(at.removesuffix("."), kind, value)
    await edge.command("domain", "activate", "first", name)
    await edge.until_known(name)
    first, second = await edge.visit(name), await edge.visit(name)

    print(f"\nfirst visit {first.seconds:.2f} s, second {second.seconds:.3f} s")  # noqa: T201 - what `make tls` shows
    assert (first.status, first.names) == (200, (name,))
    assert first.issuer.startswith("Pebble")
    assert (second.status, second.issuer) == (200, first.issuer)

    assert (await edge.typed(name)).startswith(f"https://{name}")

    async with edge.socket(name) as watching:
        await watching.send('{"type":"connection_init"}')
        assert await watching.recv() == '{"type":"connection_ack"}'

    await set_primary(edge.platform.databases, site.id, name, actor="tests")
    await set_redirect(edge.platform.databases, site.id, site.primary_host, leads=True, actor="tests")
    await edge.platform.bus.nudge("registry")
    led = await _until(edge, site.primary_host, 308)
    assert led.headers["location"] == f"https://{name}:{edge.ports['https']}/"
    assert led.issuer == OURS


async def test_a_name_that_nobody_has_gets_none_however_often_it_is_asked_for(edge: Edge) -> None:
    """Each of them would be an order at the authority, which has limits for all of the platform's clients."""
    asked = len(edge.nameserver.asked)
    names = [f"n{number}.nobody.example" for number in range(FLOOD)]
    for name in names:
        edge.nameserver.put(name, "A", "127.0.0.1")

    await asyncio.gather(*(_refused(edge, name) for name in names))

    assert edge.nameserver.asked[asked:] == [], "the authority looked at a name"


async def test_the_platforms_own_names_have_the_wildcard_certificate(edge: Edge) -> None:
    site = await new_site(edge, "wild")

    visit = await _until(edge, site.primary_host, 200)
    unknown = await edge.visit("nobody.ops-com.localhost")

    assert (visit.issuer, unknown.issuer, unknown.status) == (OURS, OURS, 404)


def test_the_edge_lets_go_of_a_silent_connection_before_the_gateway_does() -> None:
    """The edge's two minutes were longer than the gateway's 30 s: a POST that crossed the closing was a 502."""
    (kept_by_edge,) = re.findall(r"keepalive (\d+)s", CADDYFILE.read_text())

    assert int(kept_by_edge) < KEPT_ALIVE_S


async def test_a_gateway_that_leaves_is_passed_over(edge: Edge) -> None:
    """One of two does not listen, as in each roll-out: half of all visits were answered 502."""
    site = await new_site(edge, "rolled")
    await _until(edge, site.primary_host, 200)

    visits = [await edge.visit(site.primary_host) for _ in range(20)]

    assert {visit.status for visit in visits} == {200}


async def test_a_released_name_loses_its_certificate_with_the_next_start_of_the_edge(edge: Edge) -> None:
    site, name = await new_site(edge, "released"), "parking.released.example"
    await _serve(edge, site, name)
    await edge.visit(name)

    await actions.release(edge.platform.databases, site.id, name, actor="tests")
    await edge.platform.bus.nudge("registry")
    assert (await _until(edge, name, 404)).issuer.startswith("Pebble")
    edge.stop("caddy")
    edge.start_caddy()

    await _refused(edge, name)


async def test_known_names_go_on_while_the_database_is_away(edge: Edge) -> None:
    """Also one that was never visited, and with an edge and a gateway that start anew.

    The edge asks again about what it has stored, and the gateway has its map of hosts on disk.
    """
    site = await new_site(edge, "outage")
    visited, waiting = "parking.outage.example", "second.outage.example"
    for name in (visited, waiting):
        await _serve(edge, site, name)
    await edge.visit(visited)
    edge.postgres.kill()

    try:
        edge.stop("caddy", "gateway")
        edge.start_gateway()
        edge.start_caddy()
        again = await edge.visit(visited, ICON)
        new = await edge.visit(waiting, ICON)
        await _refused(edge, "third.outage.example")
    finally:
        edge.postgres.restart()

    assert [(visit.status, visit.names) for visit in (again, new)] == [(200, (visited,)), (200, (waiting,))]


async def _serve(edge: Edge, site: Environment, name: str) -> None:
    """Ask for a name, enter its records, activate it, and wait until the gateway knows."""
    databases, dns = edge.platform.databases, Dns.of(edge.settings)
    claim = await actions.request(databases, site, name, actor="tests")
    edge.nameserver.put(name, "CNAME", f"{site.primary_host}.")
    edge.nameserver.put(f"_opscom-challenge.{name}", "TXT", f'"{claim.token}"')
    await actions.activate(databases, dns, site, name, actor="tests")
    await edge.platform.bus.nudge("registry")
    await edge.until_known(name)


async def _refused(edge: Edge, name: str) -> None:
    """There is no certificate for a name."""
    with pytest.raises(ssl.SSLError):
        await edge.visit(name)


async def _until(edge: Edge, name: str, status: int) -> Visit:
    """A visit once the gateway knows what changed, which takes a moment."""
    async with patience():
        while (visit := await edge.visit(name)).status != status:  # noqa: ASYNC110 - the gateway is another process
            await asyncio.sleep(0.05)
    return visit
