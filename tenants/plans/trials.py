"""A feature on its way to production: tried in the test group first, then approved or declined by the client.

Staff of the platform turn it on where nothing is real; an administrator of the client, in the preview or in production, lets
it go to production or not. One trial of a feature at a time; all that were are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.kernel.errors import Conflict, NotFound
from domain.kernel.features import Feature
from domain.kernel.ids import uuid7
from domain.mail.rules import one_line
from tenants.environments import EnvironmentGroup, EnvironmentKind
from tenants.plans.actions import held, write_extra
from tenants.plans.catalogue import known_feature
from tenants.plans.entitlements import entitlements, known_features
from tenants.registry.actions import note, open_trials
from tenants.registry.models import EnvironmentRow, TenantRow
from tenants.registry.records import ApprovalRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

REMINDED_AFTER = timedelta(days=14)
"""Clients are expected to test within two weeks; they are reminded then, and every two weeks after."""
LONGEST_WORDS = 500
TESTED = [kind for kind in EnvironmentKind if kind.group is EnvironmentGroup.TEST]
_TRIAL = select(ApprovalRow.__table__)


class FeatureOnAlready(Conflict):
    """The tenant has the feature: there is nothing to try."""

    code = "feature.on_already"


class TrialOpen(Conflict):
    """The feature is on trial already."""

    code = "feature.trial_open"


class TrialNotFound(NotFound):
    """There is no such trial of this tenant."""

    code = "feature.trial_not_found"


class TrialDecided(Conflict):
    """The trial is over; who decided it and how stands beside."""

    code = "feature.trial_decided"


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. ``is_approved`` is None while nobody has decided; ``reason`` is what was said of the decision."""

    id: UUID
    tenant_id: UUID
    feature: Feature
    note: str
    asked_by: str
    asked_at: datetime
    reminded_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    is_approved: bool | None
    reason: str


async def begin(databases: Databases, tenant_id: UUID, name: str, *, words: str, actor: str) -> UUID:
    """Turn a feature on in the test group of a tenant; also in spaces of it that are made while the trial goes on.

    ``words`` tell the client what to look at. Returns the trial's id. Raises TenantNotFound, FeatureUnknown,
    FeatureOnAlready, TrialOpen.
    """
    feature = known_feature(name)
    async with databases.control().begin() as connection:
        entitled = await held(connection, tenant_id)
        if feature in entitled.features:
            raise FeatureOnAlready("This tenant has the feature.", field="feature", feature=feature)
        trial_id, kept = uuid7(), one_line(words, LONGEST_WORDS)
        values = {"id": trial_id, "tenant_id": tenant_id, "feature": feature, "note": kept, "asked_by": actor}
        try:
            await connection.execute(insert(ApprovalRow).values(values))
        except IntegrityError as error:
            raise TrialOpen("This feature is on trial already.", field="feature", feature=feature) from error
        await _set_trials(connection, tenant_id)
        await note(connection, actor, "feature_tried", tenant=str(tenant_id), feature=feature, words=kept)
        return trial_id


async def decide(
    databases: Databases, tenant_id: UUID, trial_id: UUID, *, is_approved: bool, actor: str, reason: str = ""
) -> None:
    """Let a feature go to production, or take it out of the test group again. Raises TrialNotFound, TrialDecided.

    Checks no permission. An approved feature is the tenant's own from then on, in all its environments.
    """
    async with databases.control().begin() as connection:
        entitled = await held(connection, tenant_id)
        trial = await _locked(connection, tenant_id, trial_id)
        if trial.decided_at is not None:
            word = "approved" if trial.is_approved else "declined"
            raise TrialDecided(f"This feature was {word} already.", by=trial.decided_by, approved=trial.is_approved)
        said = one_line(reason, LONGEST_WORDS)
        decision = {"decided_at": func.clock_timestamp(), "decided_by": actor, "is_approved": is_approved}
        row = update(ApprovalRow).where(ApprovalRow.id == trial_id)
        await connection.execute(row.values(**decision, reason=said))
        await _set_trials(connection, tenant_id)
        if is_approved and trial.feature not in entitled.features:
            await write_extra(connection, tenant_id, entitled, trial.feature, is_on=True, actor=actor)
        action = "feature_approved" if is_approved else "feature_declined"
        await note(connection, actor, action, tenant=str(tenant_id), feature=trial.feature, reason=said)


async def trials_of(databases: Databases, tenant_id: UUID) -> Sequence[Trial]:
    """All trials of a tenant, newest first: open ones and what became of the others."""
    a = ApprovalRow
    async with databases.control().connect() as connection:
        rows = await connection.execute(_TRIAL.where(a.tenant_id == tenant_id).order_by(a.asked_at.desc(), a.id))
        return _known(rows.mappings())


async def trial_by_id(databases: Databases, trial_id: UUID) -> Trial | None:
    """One trial, of whatever tenant."""
    async with databases.control().connect() as connection:
        rows = await connection.execute(_TRIAL.where(ApprovalRow.id == trial_id))
        return next(iter(_known(rows.mappings())), None)


async def to_remind(databases: Databases) -> Sequence[Trial]:
    """The trials that wait for two weeks, since they began or since somebody was reminded of them.

    Not those of features that the tenant was given meanwhile: there is nothing to decide.
    """
    a, t = ApprovalRow, TenantRow
    since = func.coalesce(a.reminded_at, a.asked_at)
    due = (a.decided_at.is_(None), since < func.clock_timestamp() - REMINDED_AFTER)
    tried_by = select(a.tenant_id).where(*due)
    async with databases.control().connect() as connection:
        trials = _known((await connection.execute(_TRIAL.where(*due).order_by(a.asked_at))).mappings())
        tenants = await connection.execute(select(t.id, t.plan, t.extra_features).where(t.id.in_(tried_by)))
        has = {row.id: entitlements(row.plan, row.extra_features, {}).features for row in tenants}
    return [one for one in trials if one.feature not in has.get(one.tenant_id, ())]


async def mark_reminded(databases: Databases, trial_id: UUID) -> None:
    """Remember that people were told."""
    async with databases.control().begin() as connection:
        row = update(ApprovalRow).where(ApprovalRow.id == trial_id)
        await connection.execute(row.values(reminded_at=func.clock_timestamp()))


async def _set_trials(connection: AsyncConnection, tenant_id: UUID) -> None:
    """Let the spaces of the test group have just what is on trial."""
    e = EnvironmentRow
    await connection.execute(
        update(e)
        .where(e.tenant_id == tenant_id, e.kind.in_(TESTED))
        .values(trial_features=await open_trials(connection, tenant_id))
    )


async def _locked(connection: AsyncConnection, tenant_id: UUID, trial_id: UUID) -> Trial:
    a = ApprovalRow
    wanted = _TRIAL.where(a.id == trial_id, a.tenant_id == tenant_id).with_for_update()
    found = _known((await connection.execute(wanted)).mappings())
    if not found:
        raise TrialNotFound("There is no such trial.")
    return found[0]


def _known(rows: Iterable[RowMapping]) -> list[Trial]:
    """Those of features that this release knows."""
    return [_trial(row) for row in rows if known_features([row["feature"]])]


def _trial(row: RowMapping) -> Trial:
    facts = dict(row)
    return Trial(**facts | {"feature": Feature(facts["feature"])})
