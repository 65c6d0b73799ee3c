"""dispatching: what one look of the dispatcher costs with 5,000 tenants of six schedules each."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.volume import database, fill_up
from domain.tasks.catalogue import BACK_UP, EXPIRE_PERMITS, PURGE, UPDATE_MISTALL, UPDATE_PARKING_LOGIX, SystemTask
from jobs.broker import make_broker
from jobs.dispatcher import Dispatcher

TENANTS = 5_000
TICKS = 20
EVERY_MINUTE = replace(UPDATE_MISTALL, name="every_minute", rule="every 60")
TASKS: dict[str, SystemTask] = {
    task.name: task for task in (EVERY_MINUTE, UPDATE_PARKING_LOGIX, UPDATE_MISTALL, EXPIRE_PERMITS, PURGE, BACK_UP)
}

_SCHEDULES = """
    insert into platform.task_schedule (id, environment, task, rule, time_zone, is_enabled, next_run_at)
    select gen_random_uuid(), role_name, task, rule, 'America/Toronto', true,
        now() + random() * cast(case when rule like 'every%%' then substr(rule, 7) else '86400' end || ' s' as interval)
    from (select role_name from registry.environment where state = 'active' limit %s) e,
        unnest(%s::text[], %s::text[]) as t(task, rule)
    on conflict (environment, task) do update
    set rule = excluded.rule, is_enabled = true, next_run_at = excluded.next_run_at
"""
_DONE = """
    update platform.task_run set state = 'succeeded', finished_at = now() where state = 'queued' and sent_at is not null
"""
_DUE = "update platform.task_schedule set next_run_at = now() - interval '1 s' where is_enabled and task = any(%s)"


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Ticks a second apart while workers keep up; then everything at once, as nightly tasks and the end of an outage are."""
    tenants = sized(TENANTS)
    fill_up(lab, tenants)
    await lab.platform.registry.load()
    _run(lab, _SCHEDULES, [tenants, list(TASKS), [task.rule for task in TASKS.values()]])
    _run(lab, "analyze platform.task_schedule, platform.task_run")
    broker = make_broker(lab.platform.settings.redis_url, lab.platform.settings.namespace)
    dispatcher = Dispatcher(lab.platform, broker, catalogue=TASKS)
    steady = [await _tick(lab, dispatcher) for _ in range(TICKS)]
    yield Row(f"a tick, {tenants:,} tenants of {len(TASKS)} schedules, p50", statistics.median(steady), "s")
    yield Row(f"a tick, {tenants:,} tenants of {len(TASKS)} schedules, slowest of {TICKS}", max(steady), "s", at_most=1)
    _run(lab, _DUE, [[BACK_UP.name]])
    yield Row(f"a tick in which {tenants:,} nightly backups are due", await _tick(lab, dispatcher), "s", at_most=1)
    _run(lab, _DUE, [list(TASKS)])
    yield Row(f"a tick in which all {tenants * len(TASKS):,} schedules are due", await _tick(lab, dispatcher), "s")
    yield Row("the tick after it, with all of them waiting", await _tick(lab, dispatcher), "s")
    broker.client.close()


async def _tick(lab: Lab, dispatcher: Dispatcher) -> float:
    """One look; before it a second goes by and workers finish what was sent."""
    await asyncio.sleep(1)
    _run(lab, _DONE)
    began = time.perf_counter()
    if not await dispatcher.tick():
        msg = "the dispatcher could not reach a ledger or Redis"
        raise RuntimeError(msg)
    return time.perf_counter() - began


def _run(lab: Lab, statement: str, values: list[object] | None = None) -> None:
    with psycopg.connect(database(lab)) as connection:
        connection.execute(statement, values)
