"""The catalogue: which features there are, which plans, and what each plan includes. Pure data; a tenant's plan is a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.kernel.errors import NotFound
from domain.kernel.features import Feature
from tenants.plans.limits import Limits


class PlanUnknown(NotFound):
    """There is no plan of this name."""

    code = "plan.not_found"


class FeatureUnknown(NotFound):
    """There is no feature of this name."""

    code = "feature.not_found"


@dataclass(frozen=True, slots=True)
class Described:
    """A feature in words."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tenant gets under a name. More can be added to a tenant; nothing of its plan is taken away."""

    name: str
    title: str
    description: str
    features: frozenset[Feature]
    limits: Limits


FEATURES: Mapping[Feature, Described] = MappingProxyType(
    {
        Feature.MISTALL: Described("Mistall", "Car counts of Mistall's cameras on the live map."),
        Feature.PARKING_LOGIX: Described("Parking Logix", "Free spaces of Parking Logix's sensors on the live map."),
        Feature.OWN_DOMAIN: Described("Own domain", "The site at host names of the client's own."),
    }
)

BASIC = Plan(
    name="basic",
    title="Basic",
    description="Lots, permits and the map by permits.",
    features=frozenset(),
    limits=Limits(own_domains=1, operations=6, cost_per_second=10_000, cost_at_once=50_000, runs=4),
)
STANDARD = Plan(
    name="standard",
    title="Standard",
    description="Basic, and the map by the sensors of integrations.",
    features=frozenset({Feature.MISTALL, Feature.PARKING_LOGIX}),
    limits=Limits(),
)
COMPLETE = Plan(
    name="complete",
    title="Complete",
    description="Everything there is, and more of it.",
    features=frozenset(Feature),
    limits=Limits(own_domains=10, operations=16, cost_per_second=50_000, cost_at_once=250_000, runs=16),
)

PLANS: Mapping[str, Plan] = MappingProxyType({plan.name: plan for plan in (BASIC, STANDARD, COMPLETE)})


def known_plan(name: str) -> Plan:
    """The plan of this name. Raises PlanUnknown."""
    plan = PLANS.get(name)
    if plan is None:
        raise PlanUnknown(f"Plans are {', '.join(PLANS)}.", field="plan", plan=name[:64])
    return plan


def known_feature(name: str) -> Feature:
    """The feature of this name. Raises FeatureUnknown."""
    try:
        return Feature(name)
    except ValueError as error:
        raise FeatureUnknown(f"Features are {', '.join(Feature)}.", field="feature", feature=name[:64]) from error
