"""What the platform's staff give a tenant: another plan, a feature beside it, a limit of its own. Audited with before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, update

from domain.kernel.errors import Conflict
from tenants.plans.catalogue import known_feature, known_plan
from tenants.plans.entitlements import Entitlements, entitlements
from tenants.plans.limits import checked_limit
from tenants.registry.actions import TenantNotFound, note
from tenants.registry.models import TenantRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from domain.kernel.features import Feature
    from tenants.databases import Databases


class FeatureInPlan(Conflict):
    """The feature belongs to the tenant's plan, and nothing of a plan is taken away."""

    code = "feature.in_plan"


async def set_plan(databases: Databases, tenant_id: UUID, plan_name: str, *, actor: str) -> None:
    """Give a tenant another plan. What was added to it beside the plan stays. Raises TenantNotFound, PlanUnknown."""
    plan = known_plan(plan_name)
    async with databases.control().begin() as connection:
        before = await held(connection, tenant_id)
        if before.plan is plan:
            return
        await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(plan=plan.name))
        facts = {"before": before.plan.name, "after": plan.name}
        await note(connection, actor, "plan_changed", tenant=str(tenant_id), **facts)


async def set_feature(databases: Databases, tenant_id: UUID, name: str, *, is_on: bool, actor: str) -> None:
    """Give a tenant a feature beside its plan in all its environments at once, or take it away again.

    Raises TenantNotFound, FeatureUnknown, FeatureInPlan.
    """
    feature = known_feature(name)
    async with databases.control().begin() as connection:
        before = await held(connection, tenant_id)
        if not is_on and feature in before.plan.features:
            raise FeatureInPlan("The plan includes this feature: choose another plan.", plan=before.plan.name)
        if (feature in before.extra) == is_on:
            return
        await write_extra(connection, tenant_id, before, feature, is_on=is_on, actor=actor)


async def set_limit(databases: Databases, tenant_id: UUID, name: str, value: int | None, *, actor: str) -> None:
    """Give a tenant a limit of its own; None: that of its plan again. Raises TenantNotFound, LimitUnknown, LimitInvalid."""
    checked_limit(name, 1 if value is None else value)
    async with databases.control().begin() as connection:
        before = await held(connection, tenant_id)
        own = {key: kept for key, kept in before.own_limits if key != name}
        limits = own if value is None else own | {name: value}
        if limits == dict(before.own_limits):
            return
        await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(limits=limits))
        after = entitlements(before.plan.name, (), limits).limits
        facts = {"before": str(dict(before.limits.items())[name]), "after": str(dict(after.items())[name])}
        await note(connection, actor, "limit_changed", tenant=str(tenant_id), limit=name, **facts)


async def held(connection: AsyncConnection, tenant_id: UUID) -> Entitlements:
    """What a tenant has, its row locked until the end of the transaction. Raises TenantNotFound."""
    t = TenantRow
    wanted = select(t.plan, t.extra_features, t.limits).where(t.id == tenant_id).with_for_update()
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise TenantNotFound("There is no such tenant.")
    return entitlements(row.plan, row.extra_features, row.limits)


async def write_extra(
    connection: AsyncConnection, tenant_id: UUID, before: Entitlements, feature: Feature, *, is_on: bool, actor: str
) -> None:
    """Add a feature to those that a tenant has beside its plan, or take it away; those of a newer release stay."""
    named = TenantRow.extra_features
    changed = func.array_append(named, feature.value) if is_on else func.array_remove(named, feature.value)
    await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(extra_features=changed))
    after = before.extra | {feature} if is_on else before.extra - {feature}
    facts = {"before": " ".join(sorted(before.extra)), "after": " ".join(sorted(after))}
    await note(connection, actor, "features_changed", tenant=str(tenant_id), **facts)
