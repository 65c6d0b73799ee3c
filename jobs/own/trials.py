"""The platform's task that reminds clients of features on trial, about which they have not decided for two weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.kernel.actor import Permission
from domain.mail.models import MessageKind
from jobs.own.apart import Apart
from jobs.own.telling import day, tell, who_may
from tenants.environments import EnvironmentKind, State
from tenants.plans.catalogue import FEATURES
from tenants.plans.trials import mark_reminded, to_remind

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from jobs.context import PlatformContext
    from tenants.environments import Environment
    from tenants.plans.trials import Trial


async def remind_of_trials(context: PlatformContext) -> None:
    """Write to everybody who may approve features in the client's production. A trial of a site that rests waits with it."""
    apart = Apart(context)
    production = {
        one.tenant.id: one
        for one in context.platform.registry.current.by_id.values()
        if one.kind is EnvironmentKind.PRODUCTION and one.state is State.ACTIVE
    }
    for trial in await to_remind(context.platform.databases):
        context.counters.read += 1
        site = production.get(trial.tenant_id)
        if site is None:
            context.counters.skipped += 1
            continue
        with apart.each(site.primary_host):
            await _remind(context, site, trial)
    apart.end()


async def _remind(context: PlatformContext, site: Environment, trial: Trial) -> None:
    """Write the messages, then note that they are written. Repeated for one moment, it writes none twice."""
    platform, moment = context.platform, trial.reminded_at or trial.asked_at
    facts: Json = {
        "feature": FEATURES[trial.feature].title,
        "since": day(trial.asked_at, site),
        "note": trial.note,
    }
    people = await who_may(platform, site, Permission.APPROVE_FEATURES)
    cause = f"trial {trial.id} {moment.isoformat()}"
    told = await tell(platform, site, MessageKind.FEATURE_WAITS, people, facts, cause=cause)
    await mark_reminded(platform.databases, trial.id)
    context.counters.updated += 1
    words = "A client was reminded of a feature on trial."
    context.runlog.info("trial_reminded", words, name=site.primary_host, feature=trial.feature, people=told)
