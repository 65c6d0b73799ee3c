"""live: a change of 20 pins to 1,000 viewers of each server, and how often the gateway executes for up to 5,000."""

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
from bench.peers import nodes
from bench.serving import Server, gateway, peer
from bench.table import Row
from bench.viewers import Crowd, Watching, watching
from tenants.environments import Environment

VIEWERS = 1_000
MANY = 4_000
CROWDS = (1, 100, 5_000)
UPDATES = 10
APART_S = 0.25
"""Between two changes: more than the gateway joins into one."""
ROUNDS = 4
MAP_READ = "SELECT lot_group.id, lot_group.name"
OTHER_WORDS = PINS_SUBSCRIPTION.replace("mapColor ", "")


@dataclass(frozen=True, slots=True)
class Rival:
    """A server that is measured, over what it is watched, and how many changes a round it can take."""

    name: str
    words: str
    over: str = "websocket"
    updates: int = 12


GATEWAY, GATEWAY_SSE = Rival("gateway", "opscom gateway"), Rival("gateway-sse", "opscom gateway, SSE", "sse")
STOCK, PICOWS = Rival("stock", "stock Strawberry", updates=4), Rival("picows", "bare loop of picows, prebuilt frame")
FRAMES = Rival("frames", "bare loop of ASGI sends, prebuilt frame")
STREAMS = Rival("streams", "bare loop of ASGI body sends, prebuilt event", "sse")
YOGA = Rival("yoga", "graphql-yoga on Node 24", updates=6)
RIVALS = (GATEWAY, GATEWAY_SSE, STOCK, PICOWS, FRAMES, STREAMS, YOGA)


@dataclass
class Show:
    """A server with the environment that its viewers watch, how often that has changed, the bytes of its messages."""

    lab: Lab
    environment: Environment
    server: Server
    turn: int = 0
    size: int = 0

    def crowd(self, count: int, over: str, subscriptions: list[str]) -> Crowd:
        """So many viewers of it."""
        return Crowd(self.environment.primary_host, count, subscriptions, [self.server.port], over)

    async def change(self) -> None:
        """Let every pin have another count."""
        self.turn += 1
        await count_cars(self.lab.platform, self.environment, self.turn)

    async def update(self, viewers: Watching, count: int) -> list[float]:
        """Change all pins so many times, each time waiting for the last viewer; seconds from each commit to it."""
        took = []
        for _ in range(count):
            began = perf_counter()
            await self.change()
            self.size = (await viewers.all_have_it()).size
            took.append(perf_counter() - began)
            await asyncio.sleep(max(0.0, APART_S - took[-1]))
        return took


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """First what each viewer costs a fresh server, beside others; then how often the gateway executes."""
    rivals = [rival for rival in RIVALS if rival is not YOGA or nodes.are_here()]
    environments = {rival: await campus(lab.platform, f"live-{n}") for n, rival in enumerate(rivals)}
    await lab.platform.registry.load()
    async with AsyncExitStack() as stack:
        shows = {}
        for rival, environment in environments.items():
            is_ours = rival in {GATEWAY, GATEWAY_SSE}
            served = gateway(lab) if is_ours else peer(lab, rival.name, environment.tenant.slug)
            shows[rival] = Show(lab, environment, stack.enter_context(served))
        for row in await _costs(shows):
            yield row
        yield await _many_streams(shows)
        async for row in _executions(shows[GATEWAY]):
            yield row


async def _many_streams(shows: dict[Rival, Show]) -> Row:
    """Streams beside the bare loop of them once more, where the one execution is shared by more of them."""
    cpu_us = dict.fromkeys((GATEWAY_SSE, STREAMS), 0.0)
    for rival in cpu_us:
        show = shows[rival]
        async with watching(show.crowd(MANY, rival.over, [PINS_SUBSCRIPTION])) as viewers:
            await show.update(viewers, 1)
            before_s = cpu_seconds(show.server.pid)
            await show.update(viewers, rival.updates)
            cpu_us[rival] = (cpu_seconds(show.server.pid) - before_s) / rival.updates / MANY * 1e6
    ratio = cpu_us[GATEWAY_SSE] / cpu_us[STREAMS]
    return Row(f"gateway, SSE / bare loop of ASGI body sends, viewers: {MANY:,}", ratio, at_most=1.2)


async def _executions(show: Show) -> AsyncIterator[Row]:
    for count in CROWDS:
        each = await _executions_of(show, count, [PINS_SUBSCRIPTION])
        yield Row(f"executions an update of one feed, viewers: {count:,}", each, at_most=1)
    each = await _executions_of(show, VIEWERS, [PINS_SUBSCRIPTION, OTHER_WORDS])
    yield Row(f"executions an update of two feeds, viewers: {VIEWERS:,}", each, at_most=2)


async def _executions_of(show: Show, count: int, subscriptions: list[str]) -> float:
    async with watching(show.crowd(count, "websocket", subscriptions)) as viewers:
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


async def _costs(shows: dict[Rival, Show]) -> list[Row]:
    """Everybody's crowd joins, then each server in turn updates its own for some rounds."""
    costs: dict[Rival, Cost] = {}
    crowds: dict[Rival, Watching] = {}
    async with AsyncExitStack() as stack:
        for rival, show in shows.items():
            before = resident_bytes(show.server.pid)
            crowd = show.crowd(VIEWERS, rival.over, [PINS_SUBSCRIPTION])
            crowds[rival] = await stack.enter_async_context(watching(crowd))
            costs[rival] = Cost((resident_bytes(show.server.pid) - before) / VIEWERS / 1024)
            await show.update(crowds[rival], 1)
        for _ in range(ROUNDS):
            for rival, show in shows.items():
                before_s = cpu_seconds(show.server.pid)
                costs[rival].took_s += await show.update(crowds[rival], rival.updates)
                used_s = cpu_seconds(show.server.pid) - before_s
                costs[rival].cpu_us.append(used_s / rival.updates / VIEWERS * 1e6)
    return list(_rows(shows, costs))


def _rows(shows: dict[Rival, Show], costs: dict[Rival, Cost]) -> Iterator[Row]:
    cpu_us = {rival: statistics.median(cost.cpu_us) for rival, cost in costs.items()}
    for rival, cost in costs.items():
        yield Row(f"{rival.words}: processor time a viewer and update", cpu_us[rival], "µs")
        yield Row("  change to its last viewer, median", statistics.median(cost.took_s) * 1e3, "ms")
        yield Row("  memory a viewer", cost.memory_kb, "KB")
        yield Row("  a message", shows[rival].size, "bytes")
    yield Row("stock Strawberry / gateway, processor time", cpu_us[STOCK] / cpu_us[GATEWAY], at_least=30)
    yield Row("gateway / bare loop of picows", cpu_us[GATEWAY] / cpu_us[PICOWS], at_most=2)
    yield Row("gateway / bare loop of ASGI sends", cpu_us[GATEWAY] / cpu_us[FRAMES])
    yield Row("gateway, SSE / bare loop of ASGI body sends", cpu_us[GATEWAY_SSE] / cpu_us[STREAMS], at_most=1.2)
    if YOGA in cpu_us:
        yield Row("graphql-yoga / gateway", cpu_us[YOGA] / cpu_us[GATEWAY])
