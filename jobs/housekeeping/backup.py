"""The system task Back Up: nightly for live environments, at any time by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.kernel.ledger import Trigger
from tenants.backups.actions import back_up as take
from tenants.backups.actions import prune
from tenants.copies.threads import Progress
from tenants.environments import EnvironmentGroup

if TYPE_CHECKING:
    from jobs.context import RunContext

_REASONS = {Trigger.SCHEDULE: "nightly", Trigger.BUTTON: "by hand"}


async def back_up(context: RunContext) -> None:
    """Take a backup, then remove those that are no longer kept. A preview, itself a copy, is backed up by hand only."""
    environment, trigger = context.environment, Trigger(context.claim.trigger)
    if trigger is Trigger.SCHEDULE and environment.kind.group is EnvironmentGroup.TEST:
        context.counters.skipped = 1
        return
    copier, progress = context.platform.copier, Progress()
    reason = _REASONS.get(trigger, "before a change")
    await take(copier, environment, reason=reason, actor=context.task.title, progress=progress)
    context.counters.read = progress.rows
    removed = await prune(copier, environment.id, context.task.time_zone or environment.time_zone)
    context.runlog.info("backed_up", "The backup is complete.", read=progress.rows, removed=removed)
