"""The platform's task that looks whether clients' own domains may still be the senders of their mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.outgoing.mail_domains import MailDomainMissing, MailDomainSilent, all_entered, look

if TYPE_CHECKING:
    from jobs.context import PlatformContext

ACTOR = "mail domain check"


async def verify_mail_domains(context: PlatformContext) -> None:
    """Look at each; one that is wrong is not used until it is right again."""
    databases = context.platform.databases
    for tenant_id, known in await all_entered(databases):
        context.check_stopping()
        context.counters.read += 1
        try:
            found = await look(databases, tenant_id, actor=ACTOR)
        except MailDomainSilent:
            context.counters.skipped += 1
            context.runlog.warning("mail_domain_silent", "The DNS of a domain could not be asked.", name=known.name)
        except MailDomainMissing:  # taken away meanwhile
            context.counters.skipped += 1
        else:
            context.counters.updated += found.is_used != known.is_used
            context.counters.failed += bool(found.problems)
            for problem in found.problems:
                context.runlog.warning("mail_domain_wrong", problem, name=found.name)
    await context.platform.registry.load()
    await context.platform.bus.nudge("registry")
