"""Plans, features, limits and trials on the control plane."""

from typing import Any

import pytest

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.ids import uuid7
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment
from tests.fixtures.schemas import Asking, codes

SAM = Actor(
    ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS, Permission.MANAGE_TENANTS}), user_id=uuid7(), name="Sam"
)
TENANT = (
    "tenant { plan { plan { name } features { feature on } limits { name value } } environments { features trials } }"
)
CHANGES = {
    "plan": 'setTenantPlan(id: $id, plan: "complete")',
    "feature": "setTenantFeature(id: $id, feature: OWN_DOMAIN, on: true)",
    "limit": 'setTenantLimit(id: $id, limit: "own_domains", value: 7)',
    "try": 'tryFeature(id: $id, feature: OWN_DOMAIN, note: "Look.")',
    "off": "setTenantFeature(id: $id, feature: MISTALL, on: false)",
    "unknown": 'setTenantPlan(id: $id, plan: "gold")',
    "wrong": 'setTenantLimit(id: $id, limit: "own_domains", value: -1)',
}


async def change(ops: Asking, tenant: Environment, what: str) -> dict[str, Any]:
    """The payload of one of the changes."""
    document = f"mutation ($id: ID!) {{ change: {CHANGES[what]} {{ {TENANT} userErrors {{ code field }} }} }}"
    data = await ops.data(document, {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}, actor=SAM)
    payload: dict[str, Any] = data["change"]
    return payload


async def test_a_change_of_plan_feature_or_limit_is_in_the_answer(ops: Asking, tenant: Environment) -> None:
    limited = (await change(ops, tenant, "limit"))["tenant"]
    featured = (await change(ops, tenant, "feature"))["tenant"]
    planned = (await change(ops, tenant, "plan"))["tenant"]

    assert {"name": "own_domains", "value": 7} in limited["plan"]["limits"]
    assert {"feature": "OWN_DOMAIN", "on": True} in featured["plan"]["features"]
    assert featured["environments"] == [{"features": ["MISTALL", "PARKING_LOGIX", "OWN_DOMAIN"], "trials": []}]
    assert planned["plan"]["plan"] == {"name": "complete"}


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("off", {"code": "feature.in_plan", "field": []}),
        ("unknown", {"code": "plan.not_found", "field": ["plan"]}),
        ("wrong", {"code": "plan.limit_invalid", "field": ["value"]}),
    ],
)
async def test_what_can_not_be_is_told(ops: Asking, tenant: Environment, what: str, error: object) -> None:
    assert await change(ops, tenant, what) == {"tenant": None, "userErrors": [error]}


async def test_staff_begin_a_trial_see_it_and_withdraw_it(ops: Asking, tenant: Environment) -> None:
    variables = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}
    trials = "query ($id: ID!) { featureTrials(id: $id) { id feature note askedBy approved } }"
    assert (await change(ops, tenant, "try"))["userErrors"] == []
    (begun,) = (await ops.data(trials, variables, actor=SAM))["featureTrials"]

    withdraw = "mutation ($id: ID!, $trial: ID!) { withdrawFeature(id: $id, trialId: $trial) { userErrors { code } } }"
    done = await ops.data(withdraw, variables | {"trial": begun["id"]}, actor=SAM)

    (over,) = (await ops.data(trials, variables, actor=SAM))["featureTrials"]
    assert done == {"withdrawFeature": {"userErrors": []}}
    assert (begun["note"], begun["askedBy"]) == ("Look.", "Sam"), "the client's admin reads this"
    assert (begun["approved"], over["approved"]) == (None, False)


async def test_all_plans_are_listed_and_only_staff_with_the_permission_change_them(
    ops: Asking, tenant: Environment
) -> None:
    looker = Actor(ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS}), user_id=uuid7())
    document = f"mutation ($id: ID!) {{ {CHANGES['plan']} {{ userErrors {{ code }} }} }}"

    plans = (await ops.data("{ plans { name } }", actor=looker))["plans"]
    refused = await ops(document, {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}, actor=looker)

    assert plans == [{"name": "basic"}, {"name": "standard"}, {"name": "complete"}]
    assert codes(refused) == ["denied"]


async def test_a_tenant_is_made_with_a_plan_or_not_at_all(ops: Asking) -> None:
    create = """mutation ($input: CreateTenantInput!) { createTenant(input: $input) {
      tenant { plan { plan { name } } } userErrors { code field } } }"""
    form = {"slug": "planned-u", "name": "Planned University"}

    refused = (await ops.data(create, {"input": form | {"plan": "gold"}}, actor=SAM))["createTenant"]
    made = (await ops.data(create, {"input": form | {"plan": "basic"}}, actor=SAM))["createTenant"]

    assert refused == {"tenant": None, "userErrors": [{"code": "plan.not_found", "field": ["input", "plan"]}]}
    assert made == {"tenant": {"plan": {"plan": {"name": "basic"}}}, "userErrors": []}
