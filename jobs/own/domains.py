"""The platform's task that checks the DNS of clients' own domains again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from domain.kernel.actor import Permission
from domain.mail.models import MessageKind
from jobs.own.telling import production_of, tell, who_may
from tenants.domains.dns import Dns
from tenants.domains.rules import SERVED, Standing
from tenants.domains.verifying import due, follow, free_quarantined, is_our_fault, look_at_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.kernel.model import Json
    from jobs.context import PlatformContext
    from tenants.domains.rules import Claim
    from tenants.domains.verifying import Looked


async def verify_domains(context: PlatformContext) -> None:
    """Look at every name that is served or was; write what follows, unless everything seems wrong at once."""
    platform = context.platform
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
        context.check_stopping()
        await _follow(context, one)
    await platform.registry.load()
    await platform.bus.nudge("registry")


async def _follow(context: PlatformContext, one: Looked) -> None:
    name, before = one.claim.name, one.claim.state
    kept = await follow(context.platform.databases, one)
    after = kept.state if kept else Standing.REQUESTED
    if one.verdict.silent and not one.verdict.problems:
        context.counters.skipped += 1
        context.runlog.warning("domain_silent", "The DNS of a name could not be asked; nothing changes.", name=name)
    elif one.verdict.problems:
        context.counters.failed += 1
        ended = before in SERVED and after not in SERVED
        words = "A name is served no more: its DNS stayed wrong." if ended else "The DNS of a name is wrong."
        context.runlog.warning("domain_ended" if ended else "domain_failing", words, name=name)
        if before is not after:
            await _tell(context, kept or one.claim, one.verdict.problems, is_over=ended)
    elif before is Standing.ACTIVE:
        context.counters.unchanged += 1
    else:
        context.counters.updated += 1
        context.runlog.info("domain_right_again", "The DNS of a name is right again.", name=name)


async def _tell(context: PlatformContext, claim: Claim, problems: Sequence[str], *, is_over: bool) -> None:
    """Write to whoever looks after the client's own domains, once when a name begins to fail and once when it ends."""
    platform = context.platform
    site = production_of(platform, claim.environment_id)
    if site is None:
        return
    until = f"{claim.until.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d}" if claim.until else ""
    facts: Json = {"name": claim.name, "problems": " ".join(problems), "until": until}
    people = await who_may(platform, site, Permission.MANAGE_DOMAINS)
    kind = MessageKind.DOMAIN_ENDED if is_over else MessageKind.DOMAIN_FAILING
    cause = f"{kind} {claim.name} {platform.clock().date()}"
    await tell(platform, site, kind, people, facts, cause=cause)
