"""A feature from its trial in the preview to production: approved or declined, once, and remembered."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from auth.accounts import NewAccount, create_account
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import Actor
from domain.kernel.features import Feature
from domain.kernel.ids import uuid7
from domain.mail.models import Message
from domain.users.actions import disable
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.databases import REGISTRY
from tenants.environments import Environment, EnvironmentKind, State, canonical_host
from tenants.plans.actions import set_plan
from tenants.plans.trials import (
    FeatureOnAlready,
    TrialDecided,
    TrialNotFound,
    TrialOpen,
    begin,
    decide,
    to_remind,
    trials_of,
)
from tenants.platform_tasks import ledger_name
from tenants.registry.actions import register_environment, transition
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import ApprovalRow
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.tenants.plans.test_actions import audited, now

OWN_DOMAIN = Feature.OWN_DOMAIN


async def add_preview(platform: Platform, tenant: Environment, kind: EnvironmentKind = EnvironmentKind.PREVIEW) -> UUID:
    """A space of the test group, as a refresh registers it."""
    host = canonical_host(kind, tenant.tenant.slug, platform.settings.base_domain)
    async with platform.databases.control().begin() as connection:
        return await register_environment(connection, tenant.tenant.id, kind, cell="main", host=host)


@pytest.fixture
async def preview(platform: Platform, tenant: Environment) -> AsyncIterator[UUID]:
    """The id of the tenant's preview. It has no schema, so it is taken away again."""
    made = await add_preview(platform, tenant)
    yield made
    async with platform.databases.control().begin() as connection:
        e = EnvironmentRow
        await connection.execute(update(e).where(e.tenant_id == tenant.tenant.id).values(state=State.DELETED))
    await platform.registry.load()


async def features_of(platform: Platform, environment_id: UUID) -> frozenset[Feature]:
    await platform.registry.load()
    found = platform.registry.by_id(environment_id)
    assert found is not None
    return found.features


async def test_a_feature_on_trial_is_on_in_the_preview_and_not_in_production(
    platform: Platform, tenant: Environment, preview: UUID
) -> None:
    await begin(platform.databases, tenant.tenant.id, "own_domain", words="Look at your domain.", actor="sam")

    assert OWN_DOMAIN in await features_of(platform, preview)
    assert OWN_DOMAIN not in await features_of(platform, tenant.id)
    (trial,) = await trials_of(platform.databases, tenant.tenant.id)
    assert (trial.feature, trial.note, trial.asked_by, trial.is_approved) == (
        OWN_DOMAIN,
        "Look at your domain.",
        "sam",
        None,
    )


async def test_an_approved_feature_goes_to_production_with_who_and_when(
    platform: Platform, tenant: Environment, preview: UUID
) -> None:
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    await decide(platform.databases, tenant.tenant.id, trial, is_approved=True, actor="Ann (preview)", reason="Fine.\0")

    found = await now(platform, tenant)
    assert OWN_DOMAIN in found.features
    assert OWN_DOMAIN in await features_of(platform, preview)
    assert (await now(platform, tenant)).trials == frozenset()
    (kept,) = await trials_of(platform.databases, tenant.tenant.id)
    assert (kept.is_approved, kept.decided_by, kept.reason) == (True, "Ann (preview)", "Fine.")
    assert kept.decided_at is not None
    assert await audited(platform, tenant) == [
        ("feature_tried", {"feature": "own_domain", "words": ""}),
        ("features_changed", {"before": "", "after": "own_domain"}),
        ("feature_approved", {"feature": "own_domain", "reason": "Fine."}),
    ]


async def test_a_declined_feature_leaves_the_preview_and_can_be_tried_again(
    platform: Platform, tenant: Environment, preview: UUID
) -> None:
    first = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    await decide(platform.databases, tenant.tenant.id, first, is_approved=False, actor="Ann", reason="Not yet.")
    off = OWN_DOMAIN in await features_of(platform, preview)
    again = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    assert not off
    assert OWN_DOMAIN not in await features_of(platform, tenant.id)
    assert [one.id for one in await trials_of(platform.databases, tenant.tenant.id)] == [again, first]


async def test_a_space_that_is_made_while_a_trial_goes_on_has_the_feature(
    platform: Platform, tenant: Environment, preview: UUID
) -> None:
    """A preview that nobody used is deleted, and the next refresh makes another one: the trial lies in the registry."""
    await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    later = await add_preview(platform, tenant, EnvironmentKind.TEST)
    live = await add_preview(platform, tenant, EnvironmentKind.STAGING)

    assert OWN_DOMAIN in await features_of(platform, later)
    assert OWN_DOMAIN not in await features_of(platform, live)


async def test_of_two_decisions_at_once_one_counts(platform: Platform, tenant: Environment) -> None:
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    outcomes = await asyncio.gather(
        *(
            decide(platform.databases, tenant.tenant.id, trial, is_approved=approves, actor=f"Ann {approves}")
            for approves in (True, False)
        ),
        return_exceptions=True,
    )

    (refused,) = [outcome for outcome in outcomes if outcome is not None]
    (kept,) = await trials_of(platform.databases, tenant.tenant.id)
    assert isinstance(refused, TrialDecided)
    assert refused.details == {"by": kept.decided_by, "approved": kept.is_approved}
    assert (OWN_DOMAIN in await features_of(platform, tenant.id)) == kept.is_approved


async def test_what_can_not_be_tried_or_decided_is_told(
    platform: Platform, tenant: Environment, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")

    with pytest.raises(TrialOpen):
        await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    with pytest.raises(FeatureOnAlready):
        await begin(platform.databases, tenant.tenant.id, "mistall", words="", actor="sam")
    with pytest.raises(TrialNotFound):
        await decide(platform.databases, other.tenant.id, trial, is_approved=True, actor="Bob")
    with pytest.raises(TrialNotFound):
        await decide(platform.databases, tenant.tenant.id, uuid7(), is_approved=True, actor="Ann")

    assert OWN_DOMAIN not in await features_of(platform, other.id)


async def test_approving_what_the_plan_has_meanwhile_ends_the_trial_and_adds_nothing(
    platform: Platform, tenant: Environment
) -> None:
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    await set_plan(platform.databases, tenant.tenant.id, "complete", actor="sam")

    await decide(platform.databases, tenant.tenant.id, trial, is_approved=True, actor="Ann")

    assert (await now(platform, tenant)).tenant.entitled.extra == frozenset()


async def waited(platform: Platform, trial: UUID, days: float) -> None:
    """Let a trial, and its last reminder, be so much older."""
    a, older = ApprovalRow, text(f"interval '{days} days'")
    async with platform.databases.control().begin() as connection:
        aged = update(a).where(a.id == trial)
        await connection.execute(aged.values(asked_at=a.asked_at - older, reminded_at=a.reminded_at - older))


async def reminded(desk: Desk) -> dict[str, Any]:
    """The counters of one run of the task."""
    await desk.platform.registry.load()
    name = ledger_name(desk.platform.databases.database_name(REGISTRY))
    (run_id,) = await desk.queue(name, "remind_of_trials")
    await desk.runner().run(run_id)
    run = await desk.run(run_id)
    assert run["state"] == "succeeded"
    counters: dict[str, Any] = run["counters"]
    return counters


async def messages(platform: Platform, environment: Environment) -> list[tuple[str, object]]:
    snapshot = platform.databases.snapshot(environment, Actor.system())
    rows = await snapshot.scalars(select(Message).where(Message.kind == "feature_waits").order_by(Message.id))
    await snapshot.end()
    return [(row.kind, row.facts["feature"]) for row in rows]


async def test_who_may_decide_is_reminded_every_two_weeks_and_not_after_the_decision(
    desk: Desk, tenant: Environment
) -> None:
    platform = desk.platform
    await create_administrator(platform, tenant, "ann@tomahawku.example")
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="Look.", actor="sam")
    await waited(platform, trial, 13)
    early = await reminded(desk)
    await waited(platform, trial, 1.5)
    first, at_once = await reminded(desk), await reminded(desk)
    await waited(platform, trial, 14.5)
    second = await reminded(desk)
    await decide(platform.databases, tenant.tenant.id, trial, is_approved=False, actor="Ann")
    await waited(platform, trial, 15)

    assert [run["updated"] for run in (early, first, at_once, second)] == [0, 1, 0, 1]
    assert trial not in {one.id for one in await to_remind(platform.databases)}
    assert await messages(platform, tenant) == [("feature_waits", "Own domain")] * 2


async def test_nobody_is_reminded_of_a_feature_that_was_given_meanwhile(
    platform: Platform, tenant: Environment
) -> None:
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    await waited(platform, trial, 15)
    assert trial in {one.id for one in await to_remind(platform.databases)}

    await set_plan(platform.databases, tenant.tenant.id, "complete", actor="sam")

    assert trial not in {one.id for one in await to_remind(platform.databases)}


async def test_who_has_no_address_or_can_not_log_in_is_not_written_to(desk: Desk, tenant: Environment) -> None:
    """Their messages could only fail."""
    platform = desk.platform
    await create_administrator(platform, tenant, "ann@tomahawku.example")
    async with platform.databases.work(tenant, Actor.system()) as work:
        await create_account(work, NewAccount("ben", "Ben", role=ADMINISTRATOR), "no hash")
        gone = NewAccount("cal@x.example", "Cal", "cal@x.example", role=ADMINISTRATOR)
        await disable(work, await create_account(work, gone, "no hash"))
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    await waited(platform, trial, 15)

    await reminded(desk)

    assert await messages(platform, tenant) == [("feature_waits", "Own domain")]


async def test_the_day_of_a_trial_is_the_day_where_the_client_is(desk: Desk, tenant: Environment) -> None:
    platform = desk.platform
    await create_administrator(platform, tenant, "ann@tomahawku.example")
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    async with platform.databases.control().begin() as connection:
        evening_in_toronto = datetime(2026, 3, 1, 2, tzinfo=UTC)
        await connection.execute(update(ApprovalRow).where(ApprovalRow.id == trial).values(asked_at=evening_in_toronto))

    await reminded(desk)

    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        (message,) = await snapshot.scalars(select(Message).where(Message.kind == "feature_waits"))
    assert message.facts["since"] == "2026-02-28"


async def test_a_suspended_client_is_reminded_when_it_is_back(desk: Desk, tenant: Environment) -> None:
    platform = desk.platform
    trial = await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    await waited(platform, trial, 15)
    async with platform.databases.control().begin() as connection:
        await transition(connection, tenant.id, State.SUSPENDED, actor="sam", reason="unpaid")

    resting = await reminded(desk)

    assert (resting["skipped"], resting["updated"]) == (1, 0)
    assert trial in {one.id for one in await to_remind(platform.databases)}
