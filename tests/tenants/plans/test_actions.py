"""Plans, features and limits as staff change them: known to every process at once, and audited with before and after."""

from typing import Any

import pytest
from sqlalchemy import select, update

from domain.kernel.features import Feature
from domain.kernel.ids import uuid7
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.plans.actions import FeatureInPlan, set_feature, set_limit, set_plan
from tenants.plans.catalogue import STANDARD
from tenants.plans.limits import Limits
from tenants.registry.actions import TenantNotFound
from tenants.registry.models import RegistryAuditRow, TenantRow

BY: dict[str, str] = {"actor": "ann"}


async def now(platform: Platform, environment: Environment) -> Environment:
    """The environment as a process knows it after the note."""
    await platform.registry.load()
    found = platform.registry.by_id(environment.id)
    assert found is not None
    return found


async def audited(platform: Platform, tenant: Environment) -> list[tuple[str, dict[str, Any]]]:
    """The lines of the platform's audit about a tenant, without its creation."""
    a = RegistryAuditRow
    wanted = select(a.action, a.facts).where(a.facts["tenant"].astext == str(tenant.tenant.id)).order_by(a.id)
    async with platform.databases.control().connect() as connection:
        rows = (await connection.execute(wanted)).all()
    return [(row.action, {k: v for k, v in row.facts.items() if k != "tenant"}) for row in rows][1:]


async def test_another_plan_brings_other_features_and_limits(platform: Platform, tenant: Environment) -> None:
    assert tenant.features == {Feature.MISTALL, Feature.PARKING_LOGIX}

    await set_plan(platform.databases, tenant.tenant.id, "complete", **BY)
    await set_plan(platform.databases, tenant.tenant.id, "complete", **BY)

    found = await now(platform, tenant)
    assert found.features == set(Feature)
    assert found.tenant.entitled.limits.own_domains == 10
    assert await audited(platform, tenant) == [("plan_changed", {"before": "standard", "after": "complete"})]


async def test_a_feature_beside_the_plan_outlives_a_change_of_plan(platform: Platform, tenant: Environment) -> None:
    await set_feature(platform.databases, tenant.tenant.id, "own_domain", is_on=True, **BY)
    await set_plan(platform.databases, tenant.tenant.id, "basic", **BY)

    assert (await now(platform, tenant)).features == {Feature.OWN_DOMAIN}
    await set_feature(platform.databases, tenant.tenant.id, "own_domain", is_on=False, **BY)
    assert (await now(platform, tenant)).features == set()
    assert await audited(platform, tenant) == [
        ("features_changed", {"before": "", "after": "own_domain"}),
        ("plan_changed", {"before": "standard", "after": "basic"}),
        ("features_changed", {"before": "own_domain", "after": ""}),
    ]


async def test_what_a_newer_release_gave_is_not_lost_by_an_older_one(platform: Platform, tenant: Environment) -> None:
    t = TenantRow
    async with platform.databases.control().begin() as connection:
        newer = update(t).where(t.id == tenant.tenant.id)
        await connection.execute(newer.values(extra_features=["teleport"], limits={"wormholes": 7}))

    await set_feature(platform.databases, tenant.tenant.id, "own_domain", is_on=True, **BY)
    await set_limit(platform.databases, tenant.tenant.id, "runs", 3, **BY)

    async with platform.databases.control().connect() as connection:
        row = (await connection.execute(select(t.extra_features, t.limits).where(t.id == tenant.tenant.id))).one()
    assert (row.extra_features, row.limits) == (["teleport", "own_domain"], {"wormholes": 7, "runs": 3})


async def test_nothing_of_a_plan_is_taken_away(platform: Platform, tenant: Environment) -> None:
    with pytest.raises(FeatureInPlan):
        await set_feature(platform.databases, tenant.tenant.id, "mistall", is_on=False, **BY)

    assert Feature.MISTALL in (await now(platform, tenant)).features
    assert await audited(platform, tenant) == []


async def test_a_limit_of_ones_own_holds_until_it_is_the_plans_again(platform: Platform, tenant: Environment) -> None:
    await set_limit(platform.databases, tenant.tenant.id, "runs", 3, **BY)
    assert (await now(platform, tenant)).tenant.entitled.limits == Limits(runs=3)
    await set_limit(platform.databases, tenant.tenant.id, "runs", None, **BY)

    assert (await now(platform, tenant)).tenant.entitled.limits == STANDARD.limits
    assert await audited(platform, tenant) == [
        ("limit_changed", {"limit": "runs", "before": "8", "after": "3"}),
        ("limit_changed", {"limit": "runs", "before": "3", "after": "8"}),
    ]


async def test_an_unknown_tenant_is_told(platform: Platform) -> None:
    for change in (
        set_plan(platform.databases, uuid7(), "basic", **BY),
        set_feature(platform.databases, uuid7(), "mistall", is_on=True, **BY),
        set_limit(platform.databases, uuid7(), "runs", 1, **BY),
    ):
        with pytest.raises(TenantNotFound):
            await change
