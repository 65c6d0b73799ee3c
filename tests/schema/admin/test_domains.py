"""Own domains in the admin API: the records to enter, what the DNS says, and every change of a site's names."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.actor import Permission
from tenants.environments import Environment
from tenants.plans.actions import set_plan
from tests.fixtures.parking import staff
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import APIS, Asking, codes
from tests.fixtures.vanity import Domains

IT = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_DOMAINS)
HOSTS = """{ hosts { name isOwnDomain isPrimary isRedirect } isIncluded most ownDomains {
    name written isWholeDomain state isServed problems requestedBy records { kind label value line need } } }"""
CHANGE = "mutation ($input: %s!) { %s(input: $input) { siteHosts " + HOSTS + " userErrors { code field } } }"
NAME = "parking.admin.example"


def change(mutation: str) -> str:
    """The document of a change."""
    return CHANGE % ("HostRedirectInput" if mutation == "setHostRedirect" else "HostNameInput", mutation)


@pytest.fixture
def at(services: Any, domains: Domains) -> Callable[[Environment], Asking]:  # noqa: ANN401 - passed on
    """The admin API of a site, with the test's own DNS."""
    theirs = replace(services, settings=domains.platform.settings, databases=domains.databases)
    return lambda here: Asking(APIS["admin"], theirs, here)


async def _do(admin: Asking, mutation: str, name: str, **more: object) -> dict[str, Any]:
    data = await admin.data(change(mutation), {"input": {"name": name, **more}}, actor=IT)
    payload: dict[str, Any] = data[mutation]
    return payload


async def test_a_name_goes_from_the_request_to_the_primary_host_and_is_released(
    at: Callable[[Environment], Asking], domains: Domains, client: Environment
) -> None:
    admin, canonical = at(client), client.primary_host
    asked = await _do(admin, "requestOwnDomain", "Parking.Admin.example.")
    token = (await domains.claim(client, NAME)).token
    (own,) = asked["siteHosts"]["ownDomains"]
    assert (own["name"], own["state"], own["isServed"], own["requestedBy"]) == (NAME, "REQUESTED", False, "Ann Admin")
    assert own["records"][:2] == [
        {
            "kind": "CNAME",
            "label": "parking",
            "value": f"{canonical}.",
            "line": f"{NAME}. CNAME {canonical}.",
            "need": "ALWAYS",
        },
        {
            "kind": "TXT",
            "label": "_opscom-challenge.parking",
            "value": token,
            "line": f'_opscom-challenge.{NAME}. TXT "{token}"',
            "need": "ALWAYS",
        },
    ]

    checked = await _do(admin, "checkOwnDomain", NAME)
    assert checked["userErrors"] == []
    assert len(checked["siteHosts"]["ownDomains"][0]["problems"]) == 2
    early = await _do(admin, "activateOwnDomain", NAME)
    assert early["userErrors"] == [{"code": "domain.not_ready", "field": ["input", "name"]}]

    await domains.enter(client, NAME)
    active = await _do(admin, "activateOwnDomain", NAME)
    assert (active["siteHosts"]["ownDomains"][0]["state"], active["userErrors"]) == ("ACTIVE", [])
    await _do(admin, "setPrimaryHost", NAME)
    led = await _do(admin, "setHostRedirect", canonical, leads=True)
    assert led["siteHosts"]["hosts"] == [
        {"name": canonical, "isOwnDomain": False, "isPrimary": False, "isRedirect": True},
        {"name": NAME, "isOwnDomain": True, "isPrimary": True, "isRedirect": False},
    ]
    circle = await _do(admin, "setHostRedirect", NAME, leads=True)
    assert circle["userErrors"][0]["code"] == "domain.primary_answers"

    gone = await _do(admin, "releaseOwnDomain", NAME)
    assert gone["siteHosts"]["ownDomains"][0]["state"] == "QUARANTINED"
    assert [host["name"] for host in gone["siteHosts"]["hosts"]] == [canonical]


async def test_a_name_is_shown_as_people_write_it_too(at: Callable[[Environment], Asking], client: Environment) -> None:
    asked = await _do(at(client), "requestOwnDomain", "bücher.example")

    (own,) = asked["siteHosts"]["ownDomains"]
    assert (own["name"], own["written"], own["isWholeDomain"]) == ("xn--bcher-kva.example", "bücher.example", True)


async def test_another_tenants_domain_answers_as_one_that_there_is_not(
    at: Callable[[Environment], Asking], domains: Domains, make_client: MakeTenant
) -> None:
    owner, other = await make_client(), await make_client()
    await domains.served(owner, "parking.theirs.example")

    for mutation in ("checkOwnDomain", "activateOwnDomain", "releaseOwnDomain", "setPrimaryHost"):
        answers = [
            (await _do(at(other), mutation, name))["userErrors"]
            for name in ("parking.theirs.example", "nowhere.theirs.example")
        ]
        assert answers[0] == answers[1] == [{"code": "domain.not_found", "field": ["input", "name"]}], mutation
    refused = await _do(at(other), "requestOwnDomain", "parking.theirs.example")
    assert refused["userErrors"] == [{"code": "domain.taken", "field": ["input", "name"]}]
    assert refused["siteHosts"]["ownDomains"] == []
    assert "parking.theirs.example" in (await domains.known(owner)).hosts


async def test_where_the_plan_has_none_nothing_is_asked_for_but_what_was_served_is_still_released(
    at: Callable[[Environment], Asking], domains: Domains, client: Environment
) -> None:
    name = "parking.noplan.example"
    await domains.served(client, name)
    await set_plan(domains.databases, client.tenant.id, "standard", actor="tests")
    admin = at(await domains.known(client))

    for mutation in ("requestOwnDomain", "activateOwnDomain"):
        answer = await admin(change(mutation), {"input": {"name": "more.admin.example"}}, actor=IT)
        assert codes(answer) == ["FEATURE_OFF"]
    seen = await admin.data("{ siteHosts " + HOSTS + " }", actor=IT)
    released = await _do(admin, "releaseOwnDomain", name)

    assert (seen["siteHosts"]["isIncluded"], seen["siteHosts"]["most"]) == (False, 1)
    assert released["userErrors"] == []


@pytest.mark.parametrize("name", ["", "a b", "https://parking.example.org/", "co.uk", "ops-com.localhost"])
async def test_what_is_no_name_is_a_user_error(
    at: Callable[[Environment], Asking], client: Environment, name: str
) -> None:
    refused = await _do(at(client), "requestOwnDomain", name)
    unknown = await _do(at(client), "releaseOwnDomain", name)

    assert refused["userErrors"] == [{"code": "domain.name_refused", "field": ["input", "name"]}]
    assert unknown["userErrors"][0]["code"] in {"host.malformed", "domain.not_found"}
