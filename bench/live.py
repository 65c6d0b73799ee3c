"""live: a change of 20 pins to 1,000 viewers by WebSocket; executions are counted by PostgreSQL."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter

from bench.campus import PINS_SUBSCRIPTION, campus, count_cars
from bench.cores import cpu_seconds, resident_bytes
from bench.lab import Lab
from bench.serving import Server, gateway, peer
from bench.table import Row
from bench.viewers import Crowd, Watching, watching
from tenants.environments import Environment

CROWDS = (1, 100, 1_000)
UPDATES = 10
APART_S = 0.25
"""Between two changes: more than the gateway joins into one."""
ROUNDS = 4
GATEWAY = "opscom gateway"
ROUND_UPDATES = {GATEWAY: 12, "stock": 4, "frames": 12}
NAMES = {
    GATEWAY: "opscom gateway",
    "stock": "stock Strawberry",
    "frames": "bare loop of ASGI sends, prebuilt frame",
}
MAP_READ = "SELECT lot_group.id, lot_group.name"
OTHER_WORDS = PINS_SUBSCRIPTION.replace("percentFull ", "")


@dataclass
class Show:
    """A server with the environment that its viewers watch, and how often that has changed."""

    lab: Lab
    environment: Environment
    server: Server
    turn: int = 0

    async def update(self, viewers: Watching, count: int) -> list[float]:
        """Change all pins so many times, each time waiting for the last viewer; seconds from each commit to it."""
        took = []
        for _ in range(count):
            self.turn += 1
            began = perf_counter()
            await count_cars(self.lab.platform, self.environment, self.turn)
            await viewers.all_have_it()
            took.append(perf_counter() - began)
            await asyncio.sleep(max(0.0, APART_S - took[-1]))
        return took


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """First what each viewer costs a fresh gateway, beside others; then how often it executes."""
    environments = {name: await campus(lab.platform, f"live-{n}") for n, name in enumerate(NAMES)}
    async with AsyncExitStack() as stack:
        shows = {GATEWAY: Show(lab, environments[GATEWAY], stack.enter_context(gateway(lab)))}
        for name in ("stock", "frames"):
            served = stack.enter_context(peer(lab, name, environments[name].tenant.slug))
            shows[name] = Show(lab, environments[name], served)
        for row in await _costs(shows):
            yield row
        async for row in _executions(shows[GATEWAY]):
            yield row


async def _executions(show: Show) -> AsyncIterator[Row]:
    for count in CROWDS:
        each = await _executions_of(show, count, [PINS_SUBSCRIPTION])
        yield Row(f"executions an update, {count:,} viewers of one feed", each, at_most=1)
    each = await _executions_of(show, CROWDS[-1], [PINS_SUBSCRIPTION, OTHER_WORDS])
    yield Row(f"executions an update, {CROWDS[-1]:,} viewers of two feeds", each, at_most=2)


async def _executions_of(show: Show, count: int, subscriptions: list[str]) -> float:
    crowd = Crowd(show.environment.primary_host, count, subscriptions)
    async with watching(show.server, crowd) as viewers:
        await show.update(viewers, 1)
        before = show.lab.calls(show.environment, MAP_READ)
        await show.update(viewers, UPDATES)
        return (show.lab.calls(show.environment, MAP_READ) - before) / UPDATES


async def _costs(shows: dict[str, Show]) -> list[Row]:
    """Everybody's crowd joins, then each server in turn updates its own for some rounds."""
    cpu_us: dict[str, list[float]] = defaultdict(list)
    took_s: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, float] = {}
    count = CROWDS[-1]
    async with AsyncExitStack() as stack:
        crowds: dict[str, Watching] = {}
        for name, show in shows.items():
            before = resident_bytes(show.server.pid)
            crowd = Crowd(show.environment.primary_host, count, [PINS_SUBSCRIPTION])
            crowds[name] = await stack.enter_async_context(watching(show.server, crowd))
            memory[name] = (resident_bytes(show.server.pid) - before) / count / 1024
            await show.update(crowds[name], 1)
        for _ in range(ROUNDS):
            for name, show in shows.items():
                used = cpu_seconds(show.server.pid)
                took_s[name] += await show.update(crowds[name], ROUND_UPDATES[name])
                used = cpu_seconds(show.server.pid) - used
                cpu_us[name].append(used / ROUND_UPDATES[name] / count * 1e6)
    return list(_rows({name: statistics.median(those) for name, those in cpu_us.items()}, took_s, memory))


def _rows(cpu_us: dict[str, float], took_s: dict[str, list[float]], memory: dict[str, float]) -> Iterator[Row]:
    for name, words in NAMES.items():
        yield Row(f"{words}: processor time a viewer and update", cpu_us[name], "µs")
        yield Row("  change to its last viewer, median", statistics.median(took_s[name]) * 1e3, "ms")
        yield Row("  memory a viewer", memory[name], "KB")
    yield Row("stock Strawberry / gateway, processor time", cpu_us["stock"] / cpu_us[GATEWAY], at_least=15)
    yield Row("gateway / bare loop of ASGI sends, processor time", cpu_us[GATEWAY] / cpu_us["frames"])
