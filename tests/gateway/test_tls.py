"""Which names a TLS edge may get certificates for: clients' own domains that are served, known from memory alone."""

from dataclasses import replace

import pytest

from gateway.health import Health, health_app
from gateway.tls import has_certificate
from tests.gateway.asking import ask
from tests.gateway.toy import HOST, Sites, environment_at

OWN = "parking.example.org"
SITES = Sites(
    replace(
        environment_at(HOST), hosts=frozenset({HOST, OWN, "xn--bcher-kva.example.org"}), own_domains=frozenset({OWN})
    )
)


@pytest.mark.parametrize("name", [OWN, "Parking.Example.ORG", f"{OWN}."])
def test_an_own_domain_that_is_served_has_a_certificate(name: str) -> None:
    assert has_certificate(SITES, name)


@pytest.mark.parametrize(
    "name", ["", HOST, "other.example.org", "example.org", "a b", "\ud800", "x" * 10_000, "192.0.2.1"]
)
def test_nothing_else_has_one(name: str) -> None:
    """The platform's own names have wildcard certificates, and nobody makes us ask for thousands of others."""
    assert not has_certificate(SITES, name)


async def test_the_edge_is_told_on_the_internal_port() -> None:
    async def is_ready() -> bool:
        return False

    app = health_app(Health(is_ready), bytes, lambda name: has_certificate(SITES, name))

    async def status(query: str) -> int:
        return (await ask(app, headers={}, method="GET", path="/tls/ask", query=query)).status

    assert await status(f"domain={OWN}") == 200
    assert [await status(query) for query in ("domain=other.example.org", "domain=", "", f"domain={HOST}")] == [404] * 4
