"""A crowd watches for long while the map moves: memory stays flat, and everybody ends with the truth.

One viewer in a hundred has stopped reading, one in a hundred a second goes and comes back, Valkey is restarted in the
middle. OPSCOM_SOAK_SECONDS is how long it goes on; without it some seconds and a small crowd (the short form in `make test`).
"""

from __future__ import annotations

import asyncio
import os
from itertools import count
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from domain.kernel.actor import Actor
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from jobs.ledger import OUTAGES
from tests.chaos.scene import Scene, whole_product
from tests.patience import PATIENCE_S, patience
from tests.soak.crowd import Crowd

ALIASES = 8
PINS = "pins { id name ... on LotGroup { occupancy { percentFull source stale observedAt } lots { id name } } }"
SUBSCRIPTION = "subscription { occupancy { " + " ".join(f"a{n}: {PINS}" for n in range(ALIASES)) + " } }"
"""Large messages, so that who does not read falls behind within the short form too."""
SHORT_S, SHORT_CROWD, LONG_CROWD = 15.0, 200, 1_000
SHORT_PAUSE_S, LONG_PAUSE_S = 0.25, 1.0
"""Between two changes."""
SPARE = 6 << 20
"""Bytes by which memory may differ and still be flat: one arena of an allocator."""


async def test_a_crowd_that_watches_for_long_sees_the_truth_and_costs_no_more_memory(tmp_path: Path) -> None:
    seconds = float(os.environ.get("OPSCOM_SOAK_SECONDS", SHORT_S))
    size, pause = (SHORT_CROWD, SHORT_PAUSE_S) if seconds == SHORT_S else (LONG_CROWD, LONG_PAUSE_S)
    async with whole_product(tmp_path, tenants=1, processes=("gateway",)) as scene:
        crowd = Crowd(scene.environments[0].primary_host, scene.settings.port, SUBSCRIPTION, size)
        await crowd.come()
        beside = [asyncio.create_task(move(scene, pause)), asyncio.create_task(crowd.churn())]
        memory = await watch_memory(scene, seconds)
        await until_somebody_is_behind(scene)
        assert [task.exception() for task in beside if task.done()] == []
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)

        await everybody_sees_the_truth(scene, crowd)
        told = await metrics(scene)
        report(crowd, memory, told)
        assert crowd.errors() == []
        assert crowd.returns > 0
        assert len(crowd.watching) == crowd.size
        assert max(memory[-len(memory) // 3 :]) < max(memory[: len(memory) // 3]) * 1.1 + SPARE
        await crowd.leave()


async def move(scene: Scene, pause: float) -> None:
    """Every sensor counts anew with a pause in seconds, until cancelled."""
    environment = scene.environments[0]
    for turn in count(1):
        try:
            async with scene.platform.databases.work(environment, Actor.system()) as work:
                sensors = await work.scalars(select(SensorLot).where(SensorLot.source == SensorSource.MISTALL))
                readings = [
                    Reading(s.external_id, s.name, capacity=s.capacity, occupied=(turn * 7 + n) % (s.capacity or 100))
                    for n, s in enumerate(sensors)
                ]
                await record_readings(work, SensorSource.MISTALL, readings)
        except OUTAGES:
            pass
        await asyncio.sleep(pause)


async def watch_memory(scene: Scene, seconds: float) -> list[int]:
    """The gateway's resident bytes, each second; Valkey is away for a moment in the middle."""
    found: list[int] = []
    loop = asyncio.get_running_loop()
    end, middle = loop.time() + seconds, loop.time() + seconds / 2
    while loop.time() < end:
        found.append(resident(scene.processes["gateway"].pid))
        assert scene.dead() == []
        if middle and loop.time() >= middle:
            middle = 0
            scene.valkey.kill()
            await asyncio.sleep(0.7)
            scene.valkey.restart()
        await asyncio.sleep(1.0)
    return found


async def until_somebody_is_behind(scene: Scene) -> None:
    """The kernel takes many states for who does not read: how many, and how soon they are there, is the machine's."""
    async with patience():
        while not (await metrics(scene))["opscom_live_states_skipped_total"]:  # noqa: ASYNC110 - it asks a process
            await asyncio.sleep(0.2)


async def everybody_sees_the_truth(scene: Scene, crowd: Crowd) -> None:
    """Nothing moves any more: once every feed has rendered by itself, all screens equal a fresh answer."""
    truth = b""
    async with patience():
        while set(crowd.states()) != {truth} or len(crowd.watching) < crowd.size:
            await asyncio.sleep(0.2)
            truth = await fresh(scene)


async def fresh(scene: Scene) -> bytes:
    """The state as somebody sees it who joins now, by a document of its own, so that no feed and no kept answer is shared."""
    text = "query { " + " ".join(f"a{n}: {PINS}" for n in range(ALIASES)) + " }"
    headers = {"Host": f"{scene.environments[0].primary_host}:{scene.settings.port}", "Cookie": "none=none"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        answer = await client.post(f"http://127.0.0.1:{scene.settings.port}/graphql", json={"query": text})
    whole = answer.content.removeprefix(b'{"data":').removesuffix(b"}")
    return b'{"data":{"occupancy":' + whole + b"}}"


async def metrics(scene: Scene) -> dict[str, float]:
    """What the gateway counted."""
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        text = (await client.get(f"http://127.0.0.1:{scene.settings.internal_port}/metrics")).text
    families = text_string_to_metric_families(text)
    return {s.name + "".join(f" {v}" for v in s.labels.values()): s.value for f in families for s in f.samples}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def report(crowd: Crowd, memory: list[int], told: dict[str, float]) -> None:
    """What `make soak` shows."""
    facts = {
        "viewers": crowd.size,
        "stalled": len(crowd.stalled),
        "came back": crowd.returns,
        "memory MB, first / last": f"{memory[0] / 2**20:.0f} / {memory[-1] / 2**20:.0f}",
        "memory MB, most in the first and in the last third": " / ".join(
            f"{max(third) / 2**20:.0f}" for third in (memory[: len(memory) // 3], memory[-len(memory) // 3 :])
        ),
    } | {name: value for name, value in told.items() if name.startswith("opscom_live") and "bucket" not in name}
    for name, value in facts.items():
        print(f"{name:70} {value}")  # noqa: T201 - the way to see it
