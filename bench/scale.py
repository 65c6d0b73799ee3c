"""scale: 5,000 sockets on one gateway: from a commit to the last of them, memory, stalled viewers, a restart."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from time import monotonic, time

from bench.campus import PINS_SUBSCRIPTION, campus
from bench.cores import SERVER_CORE, pinned, resident_bytes
from bench.lab import Lab
from bench.live import Show
from bench.serving import Server, gateway, start_gateway
from bench.table import Row
from bench.viewers import Crowd, Watching, watching
from opscom.embedded.child import stop_child

VIEWERS = 5_000
PAIRS = 20
QUIET_S = 0.5
BUCKETS_MS = (25, 50, 100, 150, 200, 250, 300, 400, 600, 1_000)
BACK_WITHIN_S = 60.0
GLANCE_S = 0.25


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """One crowd goes through it all."""
    environment = await campus(lab.platform, "scale")
    await lab.platform.registry.load()
    async with AsyncExitStack() as stack:
        with pinned(SERVER_CORE):
            leaving = start_gateway(lab)
        stack.callback(stop_child, leaving.child, signal.SIGKILL)
        staying = stack.enter_context(gateway(lab))
        show = Show(lab, environment, Server("opscom gateway", leaving.child.pid, leaving.port))
        crowd = Crowd(environment.primary_host, VIEWERS, [PINS_SUBSCRIPTION], [leaving.port, staying.port])
        before = resident_bytes(leaving.child.pid)
        viewers = await stack.enter_async_context(watching(crowd))
        idle = resident_bytes(leaving.child.pid)
        yield Row("memory an idle viewer", (idle - before) / VIEWERS / 1024, "KB", at_most=25)

        await _pairs(show, viewers, 2)
        all_read = await _pairs(show, viewers, PAIRS)
        for row in _histogram(all_read):
            yield row
        yield Row("commit → socket, 99th percentile, the pause included", _percentile(all_read, 99), "ms", at_most=400)

        held = resident_bytes(leaving.child.pid)
        viewers.stall()
        await _pairs(show, viewers, PAIRS)
        some_stall = await _pairs(show, viewers, PAIRS)
        change = _percentile(some_stall, 99) / _percentile(all_read, 99) - 1
        yield Row("1 % stalled: change of the others' 99th percentile", change * 100, "%", at_most=10)
        grown = (resident_bytes(leaving.child.pid) - held) / 2**20
        yield Row("1 % stalled: memory grown", grown, "MB")

        async for row in _restart(show, viewers, leaving.child.pid):
            yield row


async def _pairs(show: Show, viewers: Watching, count: int) -> list[float]:
    """Milliseconds from a commit to each viewer: of changes that come at any time within the pause after another one."""
    found: list[float] = []
    for _ in range(count):
        await show.change()
        await asyncio.sleep(random.uniform(0.03, 0.18))  # noqa: S311 - any moment
        await show.change()
        committed_at = time()
        await viewers.all_have_it()
        found += [max(0.0, (at - committed_at) * 1e3) for at in (await viewers.all_have_it()).at]
        await asyncio.sleep(QUIET_S)
    return found


async def _restart(show: Show, viewers: Watching, pid: int) -> AsyncIterator[Row]:
    """SIGTERM: everybody goes to the other process, and has the state of the database in the end."""
    began = monotonic()
    os.kill(pid, signal.SIGTERM)
    await show.change()
    connected = 0
    await asyncio.to_thread(os.waitpid, pid, 0)
    while connected < VIEWERS and monotonic() - began < 2 * BACK_WITHIN_S:
        await asyncio.sleep(GLANCE_S)
        connected = (await viewers.screens()).connected
    yield Row("SIGTERM: all back after", monotonic() - began, "s", at_most=BACK_WITHIN_S)
    await show.change()
    shown: tuple[str, ...] = ()
    while len(shown) != 1 and monotonic() - began < 3 * BACK_WITHIN_S:
        await asyncio.sleep(1.0)
        shown = tuple((await viewers.screens()).shown)
    yield Row("SIGTERM: different final states on the screens", len(shown), "state", at_most=1)


def _percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def _histogram(values: list[float]) -> Iterator[Row]:
    """How many viewers had it within so many milliseconds."""
    for bound in BUCKETS_MS:
        share = sum(value <= bound for value in values) / len(values)
        yield Row(f"commit → socket within {bound} ms", share * 100, "% of viewers")
