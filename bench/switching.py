"""switching: the map's read on a random tenant each time, beside the same read always on one tenant."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import AsyncIterator, Callable

from bench.lab import Lab, tenant_with_map
from bench.table import Row
from domain.kernel.actor import Actor
from domain.pins.queries import visitor_map
from tenants.environments import Environment

TENANTS = 50
READS = 1_000
ROUNDS = 5
BAR = 1.25


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Interleaved rounds of both, the median of each."""
    tenants = [await tenant_with_map(lab.platform, f"switch-{number}") for number in range(TENANTS)]
    same, random_ones = [], []
    for _ in range(ROUNDS):
        same.append(await _each_us(lab, lambda: tenants[0]))
        random_ones.append(await _each_us(lab, lambda: random.choice(tenants)))  # noqa: S311 - no secret
    one, many = statistics.median(same), statistics.median(random_ones)
    yield Row("map read, always one tenant", f"{one:.0f} µs")
    yield Row(f"map read, random one of {TENANTS} tenants", f"{many:.0f} µs")
    ratio = many / one
    yield Row("switching tenants on every read", f"{ratio:.2f} times", f"≤ {BAR:g} times", ratio <= BAR)


async def _each_us(lab: Lab, choose: Callable[[], Environment]) -> float:
    started = time.perf_counter()
    for _ in range(READS // ROUNDS):
        async with lab.platform.databases.snapshot(choose(), Actor.guest()) as snapshot:
            await visitor_map(snapshot)
    return (time.perf_counter() - started) / (READS // ROUNDS) * 1e6
