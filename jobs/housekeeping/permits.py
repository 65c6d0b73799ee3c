"""The system task Expire Permits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permits.actions import expire_ended

if TYPE_CHECKING:
    from jobs.context import RunContext


async def expire_permits(context: RunContext) -> None:
    """Mark permits whose time is over. The counts leave them out already, so nobody waits for this."""
    async with context.work() as work:
        context.counters.updated = await expire_ended(work)
    if context.counters.updated:
        context.runlog.info("expired", "Permits whose time was over were marked.", permits=context.counters.updated)
