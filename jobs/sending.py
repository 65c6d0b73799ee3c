"""From queued runs to messages: finds who waits, marks what is chosen as sent, and hands the ids to the broker.

A run that was sent and not taken within a while counts as never sent, so that losing every message loses nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from jobs.fairness import Caps, Chosen, InFlight, Waiting, choose

if TYPE_CHECKING:
    from jobs.ledger import Ledger
    from jobs.planning import Catalogue

_ONE_AT_A_TIME = text("select pg_try_advisory_xact_lock(hashtextextended('opscom dispatch', 0))")
# A loose index scan: one step for each environment and task that has anything queued, however much that is.
_WAITING = text("""
    with recursive lane(environment, task) as (
        (select environment, task from platform.task_run where state = 'queued' order by 1, 2 limit 1)
        union all
        select following.environment, following.task
        from lane cross join lateral (
            select r.environment, r.task from platform.task_run r
            where r.state = 'queued' and (r.environment, r.task) > (lane.environment, lane.task)
            order by 1, 2 limit 1
        ) following
    )
    select run.id, lane.environment, lane.task, run.trigger, run.not_before
    from lane cross join lateral (
        select r.id, r.trigger, r.not_before from platform.task_run r
        where r.state = 'queued' and r.environment = lane.environment and r.task = lane.task
            and r.not_before <= clock_timestamp()
            and (r.sent_at is null or r.sent_at < clock_timestamp() - cast(:resend_after as interval))
        order by r.not_before limit :depth
        for update skip locked
    ) run
""")
_IN_FLIGHT = text("""
    select environment, task, trigger, count(*) as number from (
        select environment, task, trigger from platform.task_run where state = 'running'
        union all
        select environment, task, trigger from platform.task_run
        where state = 'queued' and sent_at is not null
            and sent_at >= clock_timestamp() - cast(:resend_after as interval)
    ) flying
    group by environment, task, trigger
""")
_SENT = text("update platform.task_run set sent_at = clock_timestamp() where id = any(:ids)")


async def mark_next(ledger: Ledger, catalogue: Catalogue, caps: Caps, resend_after: timedelta) -> list[Chosen]:
    """Choose runs of this ledger and mark them as sent; the caller sends them now.

    One dispatcher at a time does this in a ledger, so that the caps hold; the others get an empty list.
    """
    since = {"resend_after": resend_after}
    async with ledger.transaction() as connection:
        if not await connection.scalar(_ONE_AT_A_TIME):
            return []
        depth = max(caps.per_environment.values())
        rows = (await connection.execute(_WAITING, since | {"depth": depth})).all()
        if not rows:
            return []
        flying = (await connection.execute(_IN_FLIGHT, since)).all()
        chosen = choose((Waiting(*row) for row in rows), (InFlight(*row) for row in flying), catalogue, caps)
        await connection.execute(_SENT, {"ids": [run.run_id for run in chosen]})
        return chosen
