"""Taking back runs whose worker is gone: an expired lease goes back into the queue, and the third crash ends the run.

A copy that ends so may leave half a schema, and a move its environment closed to writers: the sweep is run for it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from domain.kernel.ledger import RunState
from tenants.platform_tasks import COPY, SWEEP, enqueue

if TYPE_CHECKING:
    from jobs.ledger import Ledger

CRASHES_ALLOWED = 2
"""One more ends the run: what kills three workers would kill the fourth."""

_REAP = text("""
    with expired as (
        select id from platform.task_run
        where state = 'running' and lease_until < clock_timestamp()
        order by lease_until limit 500
        for update skip locked
    ), reaped as (
        update platform.task_run r
        set crashes = crashes + 1, lease_until = null, sent_at = null,
            not_before = clock_timestamp() + :pause * (crashes + 1),
            state = case when crashes >= :allowed then 'failed' else 'queued' end,
            finished_at = case when crashes >= :allowed then clock_timestamp() end,
            error_class = 'crashed',
            error_message = 'The worker was lost ' || crashes + 1 || ' times in the middle of this run.'
        from expired where r.id = expired.id
        returning r.id, r.environment, r.task, r.state, r.crashes, r.error_message
    ), logged as (
        insert into platform.task_run_log (run_id, environment, level, code, message, data)
        select id, environment, 'error', 'lease_expired', error_message, jsonb_build_object('crashes', crashes)
        from reaped
    )
    select id, environment, task, state from reaped
""")


@dataclass(frozen=True, slots=True)
class Reaped:
    """A run that was taken back."""

    run_id: UUID
    environment: str
    task: str
    state: RunState


async def reap(ledger: Ledger, pause: timedelta) -> list[Reaped]:
    """Take back every run whose lease is over. It is tried again after a pause that grows with its crashes."""
    async with ledger.transaction() as connection:
        rows = await connection.execute(_REAP, {"pause": pause, "allowed": CRASHES_ALLOWED})
        reaped = [Reaped(row.id, row.environment, row.task, RunState(row.state)) for row in rows]
        for run in reaped:
            if run.task == COPY.name and run.state is RunState.FAILED:
                await enqueue(connection, run.environment, SWEEP, run.run_id)
        return reaped
