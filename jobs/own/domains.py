"""The platform's task that checks the DNS of clients' own domains again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.kernel.actor import Permission
from domain.mail.models import MessageKind
from jobs.own.apart import Apart
from jobs.own.telling import day, production_of, tell, who_may
from tenants.domains.dns import Dns
from tenants.domains.rules import SERVED, Standing, after_check
from tenants.domains.verifying import due, follow, free_quarantined, is_our_fault, look_at_all

if TYPE_CHECKING:
    from datetime import datetime

    from domain.kernel.model import Json
    from jobs.context import PlatformContext
    from tenants.domains.verifying import Looked


async def verify_domains(context: PlatformContext) -> None:
    """Look at every name that is served or was; write what follows, unless everything seems wrong at once."""
    platform, apart = context.platform, Apart(context)
    for name in await free_quarantined(platform.databases):
        context.runlog.info("domain_free", "A released name is free again.", name=name)
    found = await look_at_all(platform.databases, Dns.of(platform.settings), await due(platform.databases))
    context.counters.read = len(found)
    if is_our_fault(found):
        context.counters.failed = len(found)
        context.runlog.error(
            "domains_doubted", "Most names seem wrong at once, so nothing was changed: look at our DNS."
        )
        return
    for one in found:
        with apart.each(one.claim.name):
            await _follow(context, one)
    await platform.registry.load()
    await platform.bus.nudge("registry")
    apart.end()


async def _follow(context: PlatformContext, one: Looked) -> None:
    """People are told before what they are told of is written: a run that dies between the two tells nobody twice."""
    name, before, databases = one.claim.name, one.claim.state, context.platform.databases
    turned, until = after_check(before, one.claim.until, one.verdict, databases.clock())
    if one.verdict.problems and turned is not before:
        await _tell(context, one, until)
    kept = await follow(databases, one)
    after = kept.state if kept else Standing.REQUESTED
    if one.verdict.silent and not one.verdict.problems:
        context.counters.skipped += 1
        context.runlog.warning("domain_silent", "The DNS of a name could not be asked; nothing changes.", name=name)
    elif one.verdict.problems:
        context.counters.failed += 1
        ended = before in SERVED and after not in SERVED
        words = "A name is served no more: its DNS stayed wrong." if ended else "The DNS of a name is wrong."
        context.runlog.warning("domain_ended" if ended else "domain_failing", words, name=name)
    elif before is Standing.ACTIVE:
        context.counters.unchanged += 1
    else:
        context.counters.updated += 1
        context.runlog.info("domain_right_again", "The DNS of a name is right again.", name=name)


async def _tell(context: PlatformContext, one: Looked, until: datetime | None) -> None:
    """Write to whoever looks after the client's own domains: that a name fails, and will until then; or that it ended."""
    platform, claim = context.platform, one.claim
    site = production_of(platform, claim.environment_id)
    if site is None:
        return
    problems = " ".join(one.verdict.problems)
    facts: Json = {"name": claim.name, "problems": problems, "until": day(until, site) if until else ""}
    people = await who_may(platform, site, Permission.MANAGE_DOMAINS)
    kind = MessageKind.DOMAIN_FAILING if until else MessageKind.DOMAIN_ENDED
    await tell(platform, site, kind, people, facts, cause=f"{kind} {claim.name} {claim.verified_at}")
