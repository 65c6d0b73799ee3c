"""live: a change of 20 pins to 1,000 viewers by WebSocket; executions are counted by PostgreSQL."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import perf_counter

from bench.campus import PINS_SUBSCRIPTION, campus, count_cars
from bench.cores import cpu_seconds, resident_bytes
from bench.lab import Lab
from bench.serving import Server, gateway, peer
from bench.table import Row
from bench.viewers import Crowd, Watching, watching
from tenants.environments import Environment

VIEWERS = 1_000
CROWDS = (1, 100, VIEWERS)
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
    """A server with the environment that its viewers watch, how often that has changed, the bytes of its messages."""

    lab: Lab
    environment: Environment
    server: Server
    turn: int = 0
    size: int = 0

    async def update(self, viewers: Watching, count: int) -> list[float]:
        """Change all pins so many times, each time waiting for the last viewer; seconds from each commit to it."""
        took = []
        for _ in range(count):
            self.turn += 1
            began = perf_counter()
            await count_cars(self.lab.platform, self.environment, self.turn)
            self.size = await viewers.all_have_it()
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
        yield Row(f"executions an update of one feed, viewers: {count:,}", each, at_most=1)
    each = await _executions_of(show, VIEWERS, [PINS_SUBSCRIPTION, OTHER_WORDS])
    yield Row(f"executions an update of two feeds, viewers: {VIEWERS:,}", each, at_most=2)


async def _executions_of(show: Show, count: int, subscriptions: list[str]) -> float:
    crowd = Crowd(show.environment.primary_host, count, subscriptions)
    async with watching(show.server, crowd) as viewers:
        await show.update(viewers, 1)
        before = show.lab.calls(show.environment, MAP_READ)
        await show.update(viewers, UPDATES)
        return (show.lab.calls(show.environment, MAP_READ) - before) / UPDATES


@dataclass
class Cost:
    """What the viewers cost one server: its processor time a viewer and update by round, and the rest."""

    memory_kb: float
    cpu_us: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)


async def _costs(shows: dict[str, Show]) -> list[Row]:
    """Everybody's crowd joins, then each server in turn updates its own for some rounds."""
    costs: dict[str, Cost] = {}
    crowds: dict[str, Watching] = {}
    async with AsyncExitStack() as stack:
        for name, show in shows.items():
            before = resident_bytes(show.server.pid)
            crowd = Crowd(show.environment.primary_host, VIEWERS, [PINS_SUBSCRIPTION])
            crowds[name] = await stack.enter_async_context(watching(show.server, crowd))
            costs[name] = Cost((resident_bytes(show.server.pid) - before) / VIEWERS / 1024)
            await show.update(crowds[name], 1)
        for _ in range(ROUNDS):
            for name, show in shows.items():
                before_s = cpu_seconds(show.server.pid)
                costs[name].took_s += await show.update(crowds[name], ROUND_UPDATES[name])
                used_s = cpu_seconds(show.server.pid) - before_s
                costs[name].cpu_us.append(used_s / ROUND_UPDATES[name] / VIEWERS * 1e6)
    return list(_rows(shows, costs))


def _rows(shows: dict[str, Show], costs: dict[str, Cost]) -> Iterator[Row]:
    cpu_us = {name: statistics.median(cost.cpu_us) for name, cost in costs.items()}
    for name, cost in costs.items():
        yield Row(f"{NAMES[name]}: processor time a viewer and update", cpu_us[name], "µs")
        yield Row("  change to its last viewer, median", statistics.median(cost.took_s) * 1e3, "ms")
        yield Row("  memory a viewer", cost.memory_kb, "KB")
        yield Row("  a message", shows[name].size, "bytes")
    yield Row("stock Strawberry / gateway, processor time", cpu_us["stock"] / cpu_us[GATEWAY], at_least=15)
    yield Row("gateway / bare loop of ASGI sends, processor time", cpu_us[GATEWAY] / cpu_us["frames"])
