"""Environments of a tenant on the control plane."""

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.ids import uuid7
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.schemas import Asking

SAM = Actor(ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS, Permission.MANAGE_TENANTS}), user_id=uuid7())
CREATE = """mutation ($id: ID!, $kind: EnvironmentKind!) { createEnvironment(id: $id, kind: $kind) {
  tenant { environments { id kind state } } userErrors { code field } } }"""
DELETE = """mutation ($id: ID!, $reason: String!) { deleteEnvironment(id: $id, reason: $reason) {
  tenant { slug } userErrors { code } } }"""


async def test_an_environment_is_made_and_deleted(ops: Asking, desk: Desk, tenant: Environment) -> None:
    variables = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id), "kind": "STAGING"}

    made = (await ops.data(CREATE, variables, actor=SAM))["createEnvironment"]
    again = (await ops.data(CREATE, variables, actor=SAM))["createEnvironment"]
    (production, staging) = made["tenant"]["environments"]
    gone = await ops.data(DELETE, {"id": staging["id"], "reason": "over"}, actor=SAM)
    kept = await ops.data(DELETE, {"id": production["id"], "reason": "over"}, actor=SAM)

    assert (staging["kind"], staging["state"]) == ("STAGING", "ACTIVE")
    assert again == {"tenant": None, "userErrors": [{"code": "environment.exists", "field": ["kind"]}]}
    assert gone["deleteEnvironment"] == {"tenant": {"slug": tenant.tenant.slug}, "userErrors": []}
    assert kept["deleteEnvironment"]["userErrors"] == [{"code": "environment.is_production"}]
    assert [run["task"] for run in await desk.rows("select task from platform.task_run")] == ["delete_environment"]
