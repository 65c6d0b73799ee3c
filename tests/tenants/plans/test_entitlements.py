"""What a tenant has by its plan and beside it: pure rules, and that they are in the map of every process."""

from itertools import pairwise

import pytest

from domain.kernel.features import Feature
from tenants.plans.catalogue import (
    BASIC,
    COMPLETE,
    FEATURES,
    PLANS,
    STANDARD,
    FeatureUnknown,
    PlanUnknown,
    known_feature,
    known_plan,
)
from tenants.plans.entitlements import entitlements
from tenants.plans.limits import LimitInvalid, Limits, LimitUnknown, checked_limit


def test_a_tenant_has_what_its_plan_includes_and_what_was_added() -> None:
    found = entitlements("standard", ["own_domain"], {"own_domains": 3})

    assert found.features == {Feature.MISTALL, Feature.PARKING_LOGIX, Feature.OWN_DOMAIN}
    assert found.limits == Limits(own_domains=3)


def test_what_a_release_does_not_know_gives_nothing() -> None:
    """A newer release may have written it, or an older one."""
    found = entitlements("galactic", ["teleport", "mistall"], {"wormholes": 7, "runs": "many"})

    assert found.plan is BASIC
    assert found.features == {Feature.MISTALL}
    assert found.limits == BASIC.limits


def test_each_larger_plan_has_all_of_the_smaller_ones() -> None:
    plans = [BASIC, STANDARD, COMPLETE]

    for smaller, larger in pairwise(plans):
        assert smaller.features < larger.features
        assert all(
            least <= most for (_, least), (_, most) in zip(smaller.limits.items(), larger.limits.items(), strict=True)
        )
    assert list(PLANS.values()) == plans
    assert set(FEATURES) == set(Feature) == COMPLETE.features


@pytest.mark.parametrize(("name", "value"), [("runs", 0), ("own_domains", -1), ("operations", 2**31)])
def test_a_limit_that_can_not_be_one_is_refused(name: str, value: int) -> None:
    with pytest.raises(LimitInvalid):
        checked_limit(name, value)


def test_unknown_names_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(PlanUnknown, match="basic, standard, complete"):
        known_plan("gold")
    with pytest.raises(FeatureUnknown, match="mistall, parking_logix, own_domain"):
        known_feature("teleport")
    with pytest.raises(LimitUnknown, match="own_domains"):
        checked_limit("wormholes", 1)
