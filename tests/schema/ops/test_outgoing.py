"""Where clients' traffic and mail come from, on the control plane."""

from copy import copy
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from domain.kernel.ids import uuid7
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment
from tests.fixtures.schemas import Asking
from tests.schema.ops.test_lifecycle import STAFF

FACTS = """query ($id: ID!) { platformFacts(id: $id) {
    outgoingAddresses { group addresses } mail { sender domain records { purpose } } } }"""
SET = """mutation ($id: ID!, $domain: String) { setMailDomain(id: $id, domain: $domain) {
    mail { sender domain domainUsedSince } userErrors { code field } } }"""
CHECK = "mutation ($id: ID!) { checkMailDomain(id: $id) { mail { sender } userErrors { code } } }"


@pytest.fixture
def configured(ops: Asking) -> Asking:
    """The control plane of a deployment that says where its traffic comes from and who signs its mail."""
    given: dict[str, Any] = {"mail_spf": ("include:mailgun.org",), "mail_dkim": {"smtp": "k=rsa; p=MIGf"}}
    given["outgoing_addresses"] = {"live": (ip_address("209.217.117.82"),)}
    settings = ops.services.settings.model_copy(update=given)
    databases = copy(ops.services.databases)
    databases.settings = settings
    return replace(ops, services=replace(ops.services, settings=settings, databases=databases))


async def test_staff_see_what_a_client_sees(configured: Asking, tenant: Environment) -> None:
    row = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}

    facts = (await configured.data(FACTS, row, actor=STAFF))["platformFacts"]
    unknown = await configured.data(FACTS, {"id": global_id("Tenant", PLATFORM, uuid7())}, actor=STAFF)

    assert facts["outgoingAddresses"][0] == {"group": "LIVE", "addresses": ["209.217.117.82"]}
    assert facts["mail"] == {"sender": "no-reply@ops-com.localhost", "domain": None, "records": []}
    assert unknown == {"platformFacts": None}


async def test_staff_enter_a_domain_and_hear_of_a_wrong_one_beside_its_argument(
    configured: Asking, tenant: Environment
) -> None:
    row = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}

    wrong = await configured.data(SET, row | {"domain": "https://x"}, actor=STAFF)
    entered = await configured.data(SET, row | {"domain": "mg.ops.example.org"}, actor=STAFF)
    facts = (await configured.data(FACTS, row, actor=STAFF))["platformFacts"]
    await configured.data(SET, row, actor=STAFF)
    gone = await configured.data(CHECK, row, actor=STAFF)

    refused = {"code": "domain.name_refused", "field": ["domain"]}
    assert wrong["setMailDomain"] == {"mail": None, "userErrors": [refused]}
    assert entered["setMailDomain"]["mail"] == {
        "sender": "no-reply@ops-com.localhost",
        "domain": "mg.ops.example.org",
        "domainUsedSince": None,
    }
    assert [record["purpose"] for record in facts["mail"]["records"]] == ["SPF", "DKIM", "DMARC"]
    assert gone["checkMailDomain"] == {"mail": None, "userErrors": [{"code": "mail_domain.missing"}]}


async def test_the_mail_of_a_tenant_that_there_is_not_is_neither_set_nor_checked(configured: Asking) -> None:
    nobody = {"id": global_id("Tenant", PLATFORM, uuid7())}

    answers = [await configured.data(document, nobody, actor=STAFF) for document in (SET, CHECK)]

    codes = [payload["userErrors"][0]["code"] for answer in answers for payload in answer.values()]
    assert codes == ["tenant.not_found"] * 2
