"""registry: the map of all tenants in a process: read at its start, and again after each change of one tenant."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable
from uuid import UUID

import psycopg

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.volume import database, fill_up
from tenants.registry.directory import Registry

FEW, MANY = 1_000, 10_000
CHANGES = 20
STEP_S = 0.001
LONGEST_MS = {"whole": 200, "one": 50}
"""Bars: how long a process may do nothing else meanwhile."""

_CHANGE = "update registry.tenant set name = name || '!' where id = %s"


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Read everything, then what changed, among few and among many tenants; and how long the event loop stands still."""
    for tenants in (sized(FEW), sized(MANY)):
        known = fill_up(lab, tenants)
        registry = Registry(lab.platform.databases)
        whole, still = await _timed(registry.load())
        yield Row(f"map of {known:,} tenants, read whole", whole * 1e3, "ms")
        pause = f"map of {known:,} tenants, read whole: longest pause of the event loop"
        yield Row(pause, still * 1e3, "ms", at_most=LONGEST_MS["whole"])
        some = [environment.tenant.id for environment in registry.current.by_id.values()][:CHANGES]
        changed = [await _after_a_change(lab, registry, tenant_id) for tenant_id in some]
        took, still = statistics.median(took for took, _ in changed), max(still for _, still in changed)
        yield Row(f"map of {known:,} tenants, after a change of one, p50", took * 1e3, "ms")
        pause = f"map of {known:,} tenants, after a change of one: longest pause of {CHANGES}"
        yield Row(pause, still * 1e3, "ms", at_most=LONGEST_MS["one"])


async def _after_a_change(lab: Lab, registry: Registry, tenant_id: UUID) -> tuple[float, float]:
    with psycopg.connect(database(lab)) as connection:
        connection.execute(_CHANGE, [tenant_id])
    return await _timed(registry.load())


async def _timed(doing: Awaitable[None]) -> tuple[float, float]:
    """The seconds something takes, and the longest time meanwhile in which nothing else could run."""
    longest, last = 0.0, time.perf_counter()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(STEP_S)
            now = time.perf_counter()
            longest, last = max(longest, now - last - STEP_S), now

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await doing
    took = time.perf_counter() - began
    await asyncio.sleep(2 * STEP_S)
    watching.cancel()
    return took, longest
