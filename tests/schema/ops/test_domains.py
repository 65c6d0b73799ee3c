"""Own domains of any client on the control plane."""

from dataclasses import replace

from schema.context import Services
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment
from tests.fixtures.schemas import APIS, Asking
from tests.fixtures.vanity import Domains
from tests.schema.ops.test_lifecycle import STAFF

DO = """mutation ($id: ID!, $input: HostNameInput!) { %s(id: $id, input: $input) {
    siteHosts { hosts { name isPrimary } ownDomains { name state } } userErrors { code } } }"""
NAME = "parking.ops.example"


async def test_staff_do_the_same_for_a_client(services: Services, domains: Domains, client: Environment) -> None:
    theirs = replace(services, settings=domains.platform.settings, databases=domains.databases)
    ops = Asking(APIS["ops"], theirs, None)
    values = {"id": global_id("Environment", PLATFORM, client.id), "input": {"name": NAME}}

    await ops.data(DO % "requestOwnDomain", values, actor=STAFF)
    early = await ops.data(DO % "activateOwnDomain", values, actor=STAFF)
    await domains.enter(client, NAME)
    await ops.data(DO % "checkOwnDomain", values, actor=STAFF)
    await ops.data(DO % "activateOwnDomain", values, actor=STAFF)
    preferred = await ops.data(DO % "setPrimaryHost", values, actor=STAFF)
    redirect = DO.replace("HostNameInput", "HostRedirectInput") % "setHostRedirect"
    led = await ops.data(redirect, values | {"input": {"name": client.primary_host, "leads": True}}, actor=STAFF)
    seen = await ops.data(
        "query ($id: ID!) { siteHosts(id: $id) { hosts { name isRedirect } } }", {"id": values["id"]}, actor=STAFF
    )
    released = await ops.data(DO % "releaseOwnDomain", values, actor=STAFF)

    assert early["activateOwnDomain"]["userErrors"] == [{"code": "domain.not_ready"}]
    assert preferred["setPrimaryHost"]["siteHosts"] == {
        "hosts": [{"name": client.primary_host, "isPrimary": False}, {"name": NAME, "isPrimary": True}],
        "ownDomains": [{"name": NAME, "state": "ACTIVE"}],
    }
    assert led["setHostRedirect"]["userErrors"] == []
    assert seen["siteHosts"]["hosts"][0] == {"name": client.primary_host, "isRedirect": True}
    assert released["releaseOwnDomain"]["siteHosts"]["ownDomains"] == [{"name": NAME, "state": "QUARANTINED"}]


async def test_an_environment_that_there_is_not_has_no_names(ops: Asking, tenant: Environment) -> None:
    """An id of an environment is none of a tenant."""
    values = {"id": global_id("Tenant", PLATFORM, tenant.id), "input": {"name": NAME}}

    done = await ops.data(DO % "requestOwnDomain", values, actor=STAFF)

    assert done["requestOwnDomain"] == {"siteHosts": None, "userErrors": [{"code": "domain.not_found"}]}
