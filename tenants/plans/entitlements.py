"""What an environment has, worked out from the rows of the registry once for each reading of the map: pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.kernel.features import Feature
from tenants.plans.catalogue import BASIC, PLANS, STANDARD, Plan
from tenants.plans.limits import Limits

_KNOWN: Mapping[str, Feature] = {feature.value: feature for feature in Feature}


@dataclass(frozen=True, slots=True)
class Entitlements:
    """A tenant's plan with what was added to it. Its environments have all of ``features``, and trials beside."""

    plan: Plan = STANDARD
    extra: frozenset[Feature] = frozenset()
    own_limits: tuple[tuple[str, int], ...] = ()
    limits: Limits = STANDARD.limits

    @property
    def features(self) -> frozenset[Feature]:
        """Those of the plan, and the tenant's own."""
        return self.plan.features | self.extra


def entitlements(plan: str, extra: Iterable[str], own_limits: Mapping[str, object]) -> Entitlements:
    """From a tenant's row. A plan that this release does not know is the smallest; unknown features are left out."""
    found = PLANS.get(plan, BASIC)
    own = {name: value for name, value in sorted(own_limits.items()) if isinstance(value, int)}
    return Entitlements(found, known_features(extra), tuple(own.items()), found.limits.with_own(own))


def known_features(names: Iterable[str]) -> frozenset[Feature]:
    """The features of these names, as far as this release knows them."""
    return frozenset(_KNOWN[name] for name in names if name in _KNOWN)
