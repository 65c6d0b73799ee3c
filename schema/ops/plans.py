"""Plans, features, limits and trials of tenants on the control plane."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import Feature
from schema.arguments import Info
from schema.declare import requires, sized
from schema.ids import PLATFORM, row_id
from schema.ops.known import TenantId
from schema.ops.lifecycle import TenantChangePayload, answered
from schema.plans import FeatureTrial, Plan, shown_plan, shown_trial
from tenants.plans.actions import set_feature, set_limit, set_plan
from tenants.plans.catalogue import PLANS
from tenants.plans.trials import begin, decide, trials_of

SEE, MANAGE = requires(Permission.VIEW_TENANTS), requires(Permission.MANAGE_TENANTS)
FeatureName = Annotated[Feature, strawberry.argument(description="The feature.")]


async def read_plans(info: Info) -> list[Plan]:  # noqa: ARG001 - the form of a resolver
    """All plans."""
    return [shown_plan(plan) for plan in PLANS.values()]


async def read_trials(info: Info, tenant_id: TenantId) -> list[FeatureTrial]:
    """The trials of a tenant."""
    row = row_id(tenant_id, "Tenant", PLATFORM)
    return [shown_trial(one, PLATFORM) for one in await trials_of(info.context.services.databases, row)]


async def change_plan(
    info: Info, tenant_id: TenantId, plan: Annotated[str, strawberry.argument(description="The plan's stable name.")]
) -> TenantChangePayload:
    """Give a tenant another plan."""
    row = row_id(tenant_id, "Tenant", PLATFORM)
    done = set_plan(info.context.services.databases, row, plan, actor=info.context.who)
    return await answered(info.context, row, done)


async def change_feature(
    info: Info,
    tenant_id: TenantId,
    feature: FeatureName,
    on: Annotated[bool, strawberry.argument(description="Whether the tenant shall have it beside its plan.")],
) -> TenantChangePayload:
    """Give a tenant a feature, or take it away."""
    row, actor = row_id(tenant_id, "Tenant", PLATFORM), info.context.who
    done = set_feature(info.context.services.databases, row, feature, is_on=on, actor=actor)
    return await answered(info.context, row, done)


async def change_limit(
    info: Info,
    tenant_id: TenantId,
    limit: Annotated[str, strawberry.argument(description="The limit's stable name, such as `own_domains`.")],
    value: Annotated[int | None, strawberry.argument(description="The tenant's own; null: that of its plan.")] = None,
) -> TenantChangePayload:
    """Give a tenant a limit of its own."""
    row, actor = row_id(tenant_id, "Tenant", PLATFORM), info.context.who
    return await answered(info.context, row, set_limit(info.context.services.databases, row, limit, value, actor=actor))


async def try_feature(
    info: Info,
    tenant_id: TenantId,
    feature: FeatureName,
    note: Annotated[str, strawberry.argument(description="What the client is to look at.")] = "",
) -> TenantChangePayload:
    """Begin a trial."""
    row, actor = row_id(tenant_id, "Tenant", PLATFORM), info.context.who
    done = begin(info.context.services.databases, row, feature, words=note, actor=actor)
    return await answered(info.context, row, done)


async def withdraw_feature(
    info: Info,
    tenant_id: TenantId,
    trial_id: Annotated[strawberry.ID, strawberry.argument(description="The trial's id, from `featureTrials`.")],
    reason: Annotated[str, strawberry.argument(description="Why; it is kept.")] = "",
) -> TenantChangePayload:
    """End a trial without the client."""
    row, actor = row_id(tenant_id, "Tenant", PLATFORM), info.context.who
    trial = row_id(trial_id, "FeatureTrial", PLATFORM)
    done = decide(info.context.services.databases, row, trial, is_approved=False, actor=actor, reason=reason)
    return await answered(info.context, row, done)


@strawberry.type
class PlanQueries:
    """The catalogue, and trials."""

    plans: list[Plan] | None = strawberry.field(
        resolver=read_plans, description="All plans, the smallest first.", metadata=SEE | sized(3)
    )
    feature_trials: list[FeatureTrial] | None = strawberry.field(
        resolver=read_trials,
        description="Features that a tenant tries in its preview, and all that it tried, newest first.",
        metadata=SEE | sized(10),
    )


@strawberry.type
class PlanMutations:
    """What staff give and take."""

    set_tenant_plan: TenantChangePayload | None = strawberry.field(
        resolver=change_plan, description="Give a tenant another plan. What it has beside it stays.", metadata=MANAGE
    )
    set_tenant_feature: TenantChangePayload | None = strawberry.field(
        resolver=change_feature,
        description="Give a tenant a feature beside its plan, in all its environments at once, or take it away.",
        metadata=MANAGE,
    )
    set_tenant_limit: TenantChangePayload | None = strawberry.field(
        resolver=change_limit, description="Give a tenant a limit of its own, or that of its plan.", metadata=MANAGE
    )
    try_feature: TenantChangePayload | None = strawberry.field(
        resolver=try_feature,
        description="Turn a feature on in a tenant's preview and test spaces, until its administrator decides.",
        metadata=MANAGE,
    )
    withdraw_feature: TenantChangePayload | None = strawberry.field(
        resolver=withdraw_feature, description="End the trial of a feature without the client.", metadata=MANAGE
    )
