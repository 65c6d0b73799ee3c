"""The platform's task that warns of unused previews and deletes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.lifecycle.deleting import delete_environment
from tenants.previews.expiring import aging, half_deleted, mark_warned

if TYPE_CHECKING:
    from jobs.context import PlatformContext

ACTOR = "preview expiry"


async def expire_previews(context: PlatformContext) -> None:
    """Delete the previews whose time is over; warn the people of those whose time is over within a day."""
    copier = context.platform.copier
    await copier.registry.load()
    for environment in await half_deleted(copier):
        context.check_stopping()
        await delete_environment(copier, environment.id, actor=ACTOR, reason="its deletion was interrupted")
        context.counters.updated += 1
    over, warned = await aging(copier, copier.clock())
    for one in over:
        context.check_stopping()
        await delete_environment(copier, one.environment.id, actor=ACTOR, reason="nobody used it")
        context.counters.updated += 1
        context.runlog.info(
            "preview_deleted", "A preview that nobody used was deleted.", name=one.environment.primary_host
        )
    for one in warned:
        await mark_warned(copier, one.environment.id, copier.clock())
        context.runlog.info("preview_warned", "The people of a preview were warned.", name=one.environment.primary_host)
