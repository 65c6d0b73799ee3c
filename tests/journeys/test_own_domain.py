"""A client at its own domain: people log in there, links lead there, and another client's pages get nothing."""

from __future__ import annotations

from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.domains.serving import set_primary, set_redirect
from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import ADMIN, Product
from tests.fixtures.vanity import ANN, Domains
from tests.gateway.asking import JSON, Response, ask

ME = {"query": "{ me { userName } environment { host } }"}
LOG_IN = """mutation ($i: LogInInput!) { logIn(input: $i) { me { userName } userErrors { code } } }"""


async def test_an_administrator_works_at_the_own_domain_and_old_links_lead_there(
    platform: Platform, product: Product, domains: Domains, make_client: MakeTenant
) -> None:
    own, theirs = "parking.journey.example", "parking.another.example"
    site, other = await make_client(), await make_client()
    await domains.served(site, own)
    await domains.served(other, theirs)
    await set_primary(domains.databases, site.id, own, actor=ANN)
    await set_redirect(domains.databases, site.id, site.primary_host, leads=True, actor=ANN)
    await domains.known(site)
    password = await create_administrator(platform, site, ADMIN)

    async def asked(host: str, body: object, **headers: str) -> Response:
        return await ask(product.gateway, body, JSON | {"host": host} | headers, path="/admin/graphql")

    here = f"http://{own}:8000"
    entered = {"query": LOG_IN, "variables": {"i": {"userName": ADMIN, "password": password}}}
    begun = await asked(own, entered, origin=here)
    cookie = (begun.header("set-cookie") or "").partition(";")[0]
    assert begun.json()["data"]["logIn"]["me"] == {"userName": ADMIN}
    assert cookie.startswith("__Host-")

    at_home = await asked(own, ME, origin=here, cookie=cookie)
    assert at_home.json()["data"] == {"me": {"userName": ADMIN}, "environment": {"host": own}}
    assert (await asked(own, ME, origin=f"http://{theirs}:8000", cookie=cookie)).codes == ["FOREIGN_ORIGIN"]
    assert (await asked(theirs, ME, origin=f"http://{theirs}:8000", cookie=cookie)).codes == ["login_required"]

    opened = await ask(product.gateway, b"", {"host": site.primary_host}, method="GET", path="/admin")
    programs = await asked(site.primary_host, {"query": "{ environment { host } }"})
    assert (opened.status, opened.header("location")) == (308, f"{here}/admin")
    assert programs.json() == {"data": {"environment": {"host": own}}}
