"""Plans, features and trials as the admin API and the control plane show them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import strawberry

from domain.kernel.features import Feature, Features
from schema.declare import PUBLIC, needs
from schema.ids import global_id
from schema.nodes import Node
from tenants.plans.catalogue import FEATURES
from tenants.plans.catalogue import Plan as Known
from tenants.plans.entitlements import Entitlements
from tenants.plans.limits import Limits
from tenants.plans.trials import Trial


@needs(PUBLIC)
@strawberry.type(description="How much of something there may be.")
class Limit:
    """A limit."""

    name: str = strawberry.field(description="Its stable name, such as `own_domains`.")
    value: int = strawberry.field(description="The limit.")


@needs(PUBLIC)
@strawberry.type(description="What a client gets under one name.")
class Plan:
    """A plan of the catalogue."""

    name: str = strawberry.field(description="Its stable name.")
    title: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it is, in English.")
    features: list[Feature] = strawberry.field(description="The features that it includes.")
    limits: list[Limit] = strawberry.field(description="Its limits.")


@needs(PUBLIC)
@strawberry.type(description="A feature, and whether it is here.")
class FeatureState:
    """A feature as one environment has it."""

    feature: Feature = strawberry.field(description="The feature.")
    title: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it is, in English.")
    on: bool = strawberry.field(description="Whether it can be used here.")
    on_trial: bool = strawberry.field(description="Whether it is on only for a trial.")


@needs(PUBLIC)
@strawberry.type(description="What a client has: its plan, what was added to it, and what holds.")
class PlanHere:
    """What one environment may use."""

    plan: Plan = strawberry.field(description="The plan.")
    features: list[FeatureState] = strawberry.field(description="All features there are, and which are on.")
    limits: list[Limit] = strawberry.field(description="The limits that hold: those of the plan, or the client's own.")


@needs(PUBLIC)
@strawberry.type(description="A feature that is tried in the preview, and what became of it.")
class FeatureTrial(Node):
    """A trial. The field that returns it says who may see it."""

    feature: Feature = strawberry.field(description="The feature.")
    title: str = strawberry.field(description="Its name for people.")
    note: str = strawberry.field(description="What to look at, in the words of who began it.")
    asked_by: str = strawberry.field(description="Who began it.")
    asked_at: datetime = strawberry.field(description="When it began.")
    reminded_at: datetime | None = strawberry.field(description="When the client was last reminded of it.")
    decided_at: datetime | None = strawberry.field(description="When it ended; null while nobody has decided.")
    decided_by: str | None = strawberry.field(description="Who decided, and where.")
    approved: bool | None = strawberry.field(
        description="Whether the feature went to production; null while undecided."
    )
    reason: str = strawberry.field(description="What was said of the decision.")


def shown_plan(plan: Known) -> Plan:
    """A plan of the catalogue."""
    return Plan(
        name=plan.name,
        title=plan.title,
        description=plan.description,
        features=in_order(plan.features),
        limits=shown_limits(plan.limits),
    )


def plan_here(entitled: Entitlements, features: Features, trials: Features) -> PlanHere:
    """What an environment has. Without trials: what its tenant has."""
    states = [
        FeatureState(
            feature=feature,
            title=words.title,
            description=words.description,
            on=feature in features,
            on_trial=feature in trials,
        )
        for feature, words in FEATURES.items()
    ]
    return PlanHere(plan=shown_plan(entitled.plan), features=states, limits=shown_limits(entitled.limits))


def shown_trial(trial: Trial, tenant: int) -> FeatureTrial:
    """A trial; ``tenant`` is what its id carries."""
    return FeatureTrial(
        id=global_id("FeatureTrial", tenant, trial.id),
        feature=trial.feature,
        title=FEATURES[trial.feature].title,
        note=trial.note,
        asked_by=trial.asked_by,
        asked_at=trial.asked_at,
        reminded_at=trial.reminded_at,
        decided_at=trial.decided_at,
        decided_by=trial.decided_by,
        approved=trial.is_approved,
        reason=trial.reason,
    )


def shown_limits(limits: Limits) -> list[Limit]:
    """Limits by name."""
    return [Limit(name=name, value=value) for name, value in limits.items()]


def in_order(features: Iterable[Feature]) -> list[Feature]:
    """Features in the order of the catalogue."""
    return sorted(features, key=list(FEATURES).index)
