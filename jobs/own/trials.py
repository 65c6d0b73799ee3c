"""The platform's task that reminds clients of features on trial, about which they have not decided for two weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.kernel.actor import Actor, Permission
from domain.mail.actions import write
from domain.mail.models import MessageKind
from domain.users.queries import users_who_may
from tenants.environments import EnvironmentKind, State
from tenants.plans.catalogue import FEATURES
from tenants.plans.trials import mark_reminded, to_remind

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from jobs.context import PlatformContext
    from tenants.environments import Environment
    from tenants.plans.trials import Trial

ACTOR = Actor.system("trial reminder")


async def remind_of_trials(context: PlatformContext) -> None:
    """Write to everybody who may approve features in the client's production. A trial of a site that rests waits with it."""
    production = {
        one.tenant.id: one
        for one in context.platform.registry.current.by_id.values()
        if one.kind is EnvironmentKind.PRODUCTION and one.state is State.ACTIVE
    }
    for trial in await to_remind(context.platform.databases):
        context.check_stopping()
        context.counters.read += 1
        site = production.get(trial.tenant_id)
        if site is None:
            context.counters.skipped += 1
            continue
        told = await _tell(context, site, trial)
        await mark_reminded(context.platform.databases, trial.id)
        context.counters.updated += 1
        words = "A client was reminded of a feature on trial."
        context.runlog.info("trial_reminded", words, name=site.primary_host, feature=trial.feature, people=told)
    await context.platform.bus.nudge("dispatcher")


async def _tell(context: PlatformContext, site: Environment, trial: Trial) -> int:
    """Write the messages. A repeated reminder of one moment writes none twice."""
    title, moment = FEATURES[trial.feature].title, trial.reminded_at or trial.asked_at
    facts: Json = {"feature": title, "since": f"{trial.asked_at:%Y-%m-%d}", "note": trial.note}
    async with context.platform.databases.work(site, ACTOR) as work:
        people = await work.scalars(users_who_may(Permission.APPROVE_FEATURES))
        for person in people:
            cause = f"trial {trial.id} {moment.isoformat()} {person.id}"
            await write(work, MessageKind.FEATURE_WAITS, person.id, facts, cause=cause)
    return len(people)
