"""The client's side of plans and trials: what it has, and its decision on what it tries in the preview."""

import pytest

from domain.kernel.actor import Permission
from opscom.platform import Platform
from tenants.plans.actions import set_feature
from tenants.plans.trials import begin
from tests.fixtures.parking import Parking, staff
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import Asking, codes

ANN = staff(Permission.VIEW_SETTINGS, Permission.APPROVE_FEATURES)
PLAN = "{ plan { plan { name features } features { feature on onTrial } limits { name value } } }"
TRIALS = "{ featureTrials { id feature title note askedBy approved decidedBy reason } }"
APPROVE = """mutation ($id: ID!) { approveFeature(id: $id, reason: "Fine.") {
  featureTrial { approved decidedBy reason } userErrors { code } } }"""
DECLINE = """mutation ($id: ID!) { declineFeature(id: $id) { featureTrial { approved } userErrors { code } } }"""


@pytest.fixture
async def trial(platform: Platform, parking: Parking, admin: Asking) -> str:
    """The id of a trial of own domains, as the client's admin reads it."""
    await begin(platform.databases, parking.environment.tenant.id, "own_domain", words="Look.", actor="sam")
    data = await admin.data(TRIALS, actor=ANN)
    found: str = data["featureTrials"][0]["id"]
    return found


async def test_a_client_sees_its_plan_with_features_and_limits(admin: Asking) -> None:
    plan = (await admin.data(PLAN, actor=ANN))["plan"]

    assert plan["plan"] == {"name": "standard", "features": ["MISTALL", "PARKING_LOGIX"]}
    assert plan["features"][-1] == {"feature": "OWN_DOMAIN", "on": False, "onTrial": False}
    assert {"name": "own_domains", "value": 1} in plan["limits"]


async def test_an_administrator_approves_a_feature_and_it_is_on_in_production(
    admin: Asking, platform: Platform, parking: Parking, trial: str
) -> None:
    approved = await admin.data(APPROVE, {"id": trial}, actor=ANN)
    again = await admin.data(DECLINE, {"id": trial}, actor=ANN)

    assert approved["approveFeature"] == {
        "featureTrial": {"approved": True, "decidedBy": "Ann Admin (production)", "reason": "Fine."},
        "userErrors": [],
    }
    assert again["declineFeature"] == {"featureTrial": None, "userErrors": [{"code": "feature.trial_decided"}]}
    found = platform.registry.by_id(parking.environment.id)
    assert found is not None
    assert "own_domain" in found.features


async def test_a_declined_feature_stays_off_and_is_remembered(
    admin: Asking, platform: Platform, parking: Parking, trial: str
) -> None:
    declined = await admin.data(DECLINE, {"id": trial}, actor=ANN)

    history = (await admin.data(TRIALS, actor=ANN))["featureTrials"]
    found = platform.registry.by_id(parking.environment.id)
    assert declined["declineFeature"]["featureTrial"] == {"approved": False}
    assert [(one["feature"], one["approved"]) for one in history] == [("OWN_DOMAIN", False)]
    assert found is not None
    assert "own_domain" not in found.features


async def test_another_tenants_trial_answers_like_one_that_is_not_there(
    admin: Asking, platform: Platform, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    await begin(platform.databases, other.tenant.id, "own_domain", words="", actor="sam")
    theirs = Asking(admin.api, admin.services, other)
    (foreign,) = (await theirs.data(TRIALS, actor=ANN))["featureTrials"]

    answers = [await admin.data(APPROVE, {"id": wanted}, actor=ANN) for wanted in (foreign["id"], "x")]

    assert (await admin.data(TRIALS, actor=ANN))["featureTrials"] == []
    assert (
        answers == [{"approveFeature": {"featureTrial": None, "userErrors": [{"code": "feature.trial_not_found"}]}}] * 2
    )
    assert (await theirs.data(TRIALS, actor=ANN))["featureTrials"][0]["approved"] is None


async def test_who_may_only_look_decides_nothing(admin: Asking, trial: str) -> None:
    answer = await admin(APPROVE, {"id": trial}, actor=staff(Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS))

    assert codes(answer) == ["denied"]
    assert (await admin.data(TRIALS, actor=ANN))["featureTrials"][0]["approved"] is None


async def test_a_feature_that_is_taken_away_is_off_at_the_next_question(
    admin: Asking, platform: Platform, parking: Parking
) -> None:
    tenant = parking.environment.tenant.id
    await set_feature(platform.databases, tenant, "own_domain", is_on=True, actor="sam")
    await platform.registry.load()
    here = platform.registry.by_id(parking.environment.id)

    features = (await Asking(admin.api, admin.services, here).data(PLAN, actor=ANN))["plan"]["features"]

    assert {"feature": "OWN_DOMAIN", "on": True, "onTrial": False} in features
