"""What was done to tenants, as the platform's staff read it."""

from __future__ import annotations

import pytest

from domain.kernel.actor import Permission
from domain.kernel.work import Work
from opscom.platform import Platform
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment, State
from tenants.lifecycle.actions import set_state
from tenants.lifecycle.deleting import delete_tenant
from tenants.provisioning import Provisioner
from tenants.registry.actions import NewTenant
from tenants.steps import Step, steps_of
from tests.fixtures.parking import staff
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import Asking, codes
from tests.schema.ops.test_lifecycle import STAFF
from tests.tenants.test_provisioning import PowerCut

STEPS = "query ($id: ID!) { provisioningSteps(id: $id) { name state attempts error } }"
TRANSITIONS = """query ($id: ID!, $after: String) { transitions(id: $id, first: 1, after: $after) {
    edges { node { kind before after actor reason } } pageInfo { hasNextPage endCursor } } }"""
AUDIT = """query ($tenant: ID) { audit(first: 2, tenantId: $tenant) {
    edges { node { actor action facts { name value } } } } }"""
ERASURES = """query ($first: Int! = 50, $after: String) { erasures(first: $first, after: $after) {
    edges { node { tenantId slug reason unreadableSince finishedAt backups isFinal } } pageInfo { endCursor } } }"""


async def test_each_step_in_the_making_of_a_tenant_has_a_status(ops: Asking, platform: Platform) -> None:
    async def dies(_work: Work, _environment: Environment) -> None:
        raise PowerCut

    p = platform.provisioner
    environment_id = await p.register(NewTenant("stepwise", "Stepwise"), actor="ann")
    row = {"id": global_id("Environment", PLATFORM, environment_id)}
    with pytest.raises(PowerCut):
        await Provisioner(p.databases, p.registry, p.bus, dies).provision(environment_id, actor="ann")
    before = (await ops.data(STEPS, row, actor=STAFF))["provisioningSteps"]

    await p.provision(environment_id, actor="ann")
    after = (await ops.data(STEPS, row, actor=STAFF))["provisioningSteps"]

    assert [tuple(step.values()) for step in before] == [
        ("registered", "done", 1, None),
        ("created", "done", 1, None),
        ("furnished", "failed", 1, "PowerCut"),
        ("active", "waiting", 0, None),
    ]
    assert [tuple(step.values()) for step in after] == [
        ("registered", "done", 1, None),
        ("created", "done", 2, None),
        ("furnished", "done", 2, None),
        ("active", "done", 1, None),
    ]
    assert [one.step for one in await steps_of(platform.databases.control(), environment_id)] == list(Step)


async def test_the_steps_in_a_tenants_life_are_read_in_pages(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    await set_state(platform.databases, tenant.tenant.id, State.SUSPENDED, actor="sam", reason="unpaid")
    row = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}

    first = (await ops.data(TRANSITIONS, row, actor=STAFF))["transitions"]
    rest = await ops.data(TRANSITIONS, row | {"after": first["pageInfo"]["endCursor"]}, actor=STAFF)

    assert [edge["node"] for edge in first["edges"]] == [
        {"kind": "PRODUCTION", "before": "ACTIVE", "after": "SUSPENDED", "actor": "sam", "reason": "unpaid"}
    ]
    assert first["pageInfo"]["hasNextPage"] is True
    assert [edge["node"]["after"] for edge in rest["transitions"]["edges"]] == ["ACTIVE"]


async def test_the_audit_of_one_tenant_has_nothing_of_another(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    await set_state(platform.databases, tenant.tenant.id, State.SUSPENDED, actor="sam", reason="unpaid")

    of_tenant = await ops.data(AUDIT, {"tenant": global_id("Tenant", PLATFORM, tenant.tenant.id)}, actor=STAFF)
    of_all = await ops.data(AUDIT, {}, actor=STAFF)

    entries = [edge["node"] for edge in of_tenant["audit"]["edges"]]
    assert [(entry["actor"], entry["action"]) for entry in entries] == [
        ("sam", "tenant_suspended"),
        ("tests", "tenant_registered"),
    ]
    assert {"name": "reason", "value": "unpaid"} in entries[0]["facts"]
    assert of_all["audit"]["edges"][0]["node"] == entries[0]


async def test_staff_read_the_proofs_of_deletions(ops: Asking, platform: Platform, tenant: Environment) -> None:
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    proof = (await ops.data(ERASURES, actor=STAFF))["erasures"]["edges"][0]["node"]

    assert (proof["tenantId"], proof["slug"]) == (global_id("Tenant", PLATFORM, tenant.tenant.id), tenant.tenant.slug)
    assert proof["reason"] == "contract ended"
    assert proof["unreadableSince"] < proof["finishedAt"]
    assert (proof["backups"], proof["isFinal"]) == (0, False)


async def test_proofs_are_read_in_pages_the_newest_first(
    ops: Asking, platform: Platform, make_tenant: MakeTenant
) -> None:
    gone = [await make_tenant() for _ in range(3)]
    for one in (gone[1], gone[0], gone[2]):
        await delete_tenant(platform.copier, one.tenant.id, actor="ann", reason="contract ended")

    first = (await ops.data(ERASURES, {"first": 2}, actor=STAFF))["erasures"]
    rest = {"first": 1, "after": first["pageInfo"]["endCursor"]}
    second = (await ops.data(ERASURES, rest, actor=STAFF))["erasures"]

    slugs = [edge["node"]["slug"] for page in (first, second) for edge in page["edges"]]
    assert slugs == [one.tenant.slug for one in (gone[2], gone[0], gone[1])]


async def test_nobody_else_reads_them(ops: Asking) -> None:
    asked = [(STEPS, {"id": "any"}), (ERASURES, {})]
    answers = [await ops(document, values, actor=staff(Permission.VIEW_LOTS)) for document, values in asked]

    assert [codes(answer) for answer in answers] == [["denied"], ["denied"]]
