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
