"""The system task Purge: removes finished runs, with their log lines, after their retention."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from jobs.context import RunContext
    from jobs.ledger import Ledger

KEPT = timedelta(days=30)
BATCH = 1000

_DELETE = text("""
    delete from platform.task_run where id in (
        select id from platform.task_run
        where environment = :environment and finished_at < clock_timestamp() - cast(:kept as interval)
        limit :batch
    )
""")


async def purge(context: RunContext) -> None:
    """Remove the old runs of this environment, in small transactions."""
    removed = 0
    while True:
        context.check_stopping()
        batch = await delete_old_runs(context.claim.ledger, context.environment.role)
        removed += batch
        if batch < BATCH:
            break
    context.counters.updated = removed
    context.runlog.info("purged", "Old runs and their log lines were removed.", removed=removed)


async def delete_old_runs(ledger: Ledger, environment: str) -> int:
    """Delete one batch of an environment's runs that ended long ago; their lines go with them. Returns how many."""
    async with ledger.transaction() as connection:
        values = {"environment": environment, "kept": KEPT, "batch": BATCH}
        return (await connection.execute(_DELETE, values)).rowcount
