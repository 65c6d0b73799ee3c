"""What the client has: its plan with features and limits, and the trials that an administrator approves or declines."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires, sized
from schema.ids import row_id
from schema.payloads import ARGUMENTS, UserError, attempt_outside
from schema.plans import FeatureTrial, PlanHere, plan_here, shown_trial
from tenants.plans.trials import decide, trials_of

TrialId = Annotated[strawberry.ID, strawberry.argument(name="id", description="The trial's id, from `featureTrials`.")]
Reason = Annotated[str, strawberry.argument(description="Why, for the platform's staff; it is kept.")]
SEE, APPROVE = requires(Permission.VIEW_SETTINGS), requires(Permission.APPROVE_FEATURES)


async def _trial_of_payload(payload: strawberry.Parent[FeatureTrialPayload], info: Info) -> FeatureTrial | None:
    found = await read_trials(info) if not payload.user_errors else []
    wanted = info.context.environment.tenant.number
    return next((one for one in found if row_id(one.id, "FeatureTrial", wanted) == payload.row), None)


@needs(PUBLIC)
@strawberry.type(description="The answer to a decision on a trial.")
class FeatureTrialPayload:
    """The trial after the decision."""

    row: strawberry.Private[UUID]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    feature_trial: FeatureTrial | None = strawberry.field(
        resolver=_trial_of_payload, description="The trial as it is now; null if nothing was changed.", metadata=SEE
    )


async def read_plan(info: Info) -> PlanHere:
    """What this environment has."""
    here = info.context.environment
    return plan_here(here.tenant.entitled, here.features, here.trials)


async def read_trials(info: Info) -> list[FeatureTrial]:
    """All trials of the client, newest first."""
    tenant = info.context.environment.tenant
    return [shown_trial(one, tenant.number) for one in await trials_of(info.context.services.databases, tenant.id)]


async def approve(info: Info, trial_id: TrialId, reason: Reason = "") -> FeatureTrialPayload:
    """Let a feature go to production."""
    return await _decide(info.context, trial_id, reason, is_approved=True)


async def decline(info: Info, trial_id: TrialId, reason: Reason = "") -> FeatureTrialPayload:
    """Take a feature out of the preview again."""
    return await _decide(info.context, trial_id, reason, is_approved=False)


async def _decide(context: Context, trial_id: str, reason: str, *, is_approved: bool) -> FeatureTrialPayload:
    here = context.environment
    row, who = row_id(trial_id, "FeatureTrial", here.tenant.number), f"{context.who} ({here.kind})"
    done = decide(context.services.databases, here.tenant.id, row, is_approved=is_approved, actor=who, reason=reason)
    _, errors = await attempt_outside(context, done, ARGUMENTS)
    return FeatureTrialPayload(row=row, user_errors=errors)


@strawberry.type
class FeatureQueries:
    """Plan and trials."""

    plan: PlanHere | None = strawberry.field(
        resolver=read_plan, description="What the client has: its plan, features and limits.", metadata=SEE
    )
    feature_trials: list[FeatureTrial] | None = strawberry.field(
        resolver=read_trials,
        description="Features that are tried in the preview, and all that were, newest first.",
        metadata=SEE | sized(10),
    )


@strawberry.type
class FeatureMutations:
    """Decisions on trials."""

    approve_feature: FeatureTrialPayload | None = strawberry.field(
        resolver=approve,
        description="Let a feature that was tried in the preview go to production, at once.",
        metadata=APPROVE,
    )
    decline_feature: FeatureTrialPayload | None = strawberry.field(
        resolver=decline,
        description="End the trial of a feature: it does not go to production, and the preview has it no more.",
        metadata=APPROVE,
    )
