"""Everything is killed and restarted in the middle of polls: each run ends once, and viewers end with the truth.

OPSCOM_CHAOS_SECONDS is how long it goes on; without it each blow falls once (the short form in `make test`).
OPSCOM_CHAOS_SEED repeats an order of blows.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from domain.kernel.actor import Actor
from domain.tasks import actions as tasks
from tests.chaos.scene import LEASE_S, POLLS, Scene, whole_product
from tests.chaos.viewers import Viewer, fresh
from tests.patience import patience

Blow = Callable[[Scene], Awaitable[None]]
BREATH_S = 1.0
# What a run may end with while its world is being destroyed; a mistake of ours is not among it.
EXCUSED = {"crashed", "database_unavailable", "vendor_timeout", "vendor_unreachable", "vendor_paused"}
FIXED = {"lot11": 90, "lot12": 160, "lotm1": 95, "lota1": 14}


def killed(name: str) -> Blow:
    """A process dies, and its supervisor starts it again."""

    async def blow(scene: Scene) -> None:
        await asyncio.to_thread(scene.hit, name, signal.SIGKILL)
        await scene.start_again(name)

    blow.__name__ = f"{name} killed"
    return blow


def deployed(name: str) -> Blow:
    """A process is asked to end, and the next version starts."""

    async def blow(scene: Scene) -> None:
        await asyncio.to_thread(scene.hit, name, signal.SIGTERM)
        assert scene.processes[name].returncode == 0, scene.log(name).read_text()[-2000:]
        await scene.start_again(name)

    blow.__name__ = f"{name} deployed"
    return blow


async def worker_frozen(scene: Scene) -> None:
    """A worker stands still for longer than its lease, and goes on."""
    scene.hit("worker-1", signal.SIGSTOP)
    await asyncio.sleep(LEASE_S + 1)
    scene.hit("worker-1", signal.SIGCONT)


async def redis_flushed(scene: Scene) -> None:
    """Every message and note is gone."""
    await scene.platform.bus.redis.flushall()


async def valkey_restarted(scene: Scene) -> None:
    """Valkey dies, and is away for a moment."""
    scene.valkey.kill()
    await asyncio.sleep(0.7)
    scene.valkey.restart()


async def postgres_restarted(scene: Scene) -> None:
    """PostgreSQL dies, and is away for a moment."""
    scene.postgres.kill()
    await asyncio.sleep(0.7)
    scene.postgres.restart()


BLOWS: tuple[Blow, ...] = (
    killed("worker-1"),
    killed("dispatcher-1"),
    redis_flushed,
    killed("gateway"),
    postgres_restarted,
    deployed("worker-2"),
    valkey_restarted,
    worker_frozen,
    deployed("dispatcher-2"),
)


async def test_whatever_is_hit_each_run_ends_once_and_viewers_see_the_truth(tmp_path: Path) -> None:
    async with whole_product(tmp_path) as scene:
        viewers = [
            Viewer(environment.primary_host, scene.settings.port, over_sse=over_sse)
            for environment in scene.environments
            for over_sse in (False, True)
        ]
        for viewer in viewers:
            viewer.begin()
        pressing = asyncio.create_task(scene.press())
        for blow in blows():
            await asyncio.sleep(BREATH_S)
            await blow(scene)
            assert scene.dead() == [], f"after {blow.__name__}"
        await asyncio.sleep(BREATH_S)
        pressing.cancel()

        await scene.calm()
        await every_run_ended_once(scene)
        await the_product_still_works(scene)
        await viewers_show_the_truth(scene, viewers)
        for viewer in viewers:
            await viewer.end()


def blows() -> Iterator[Blow]:
    """Each one once, or at random for as long as was asked for."""
    seconds = float(os.environ.get("OPSCOM_CHAOS_SECONDS", "0"))
    if not seconds:
        yield from BLOWS
        return
    seed = int(os.environ.get("OPSCOM_CHAOS_SEED", time.time_ns() % 100_000))
    print(f"chaos for {seconds:g} s: OPSCOM_CHAOS_SEED={seed}")  # noqa: T201 - the way to see it again
    chance, end = random.Random(seed), time.monotonic() + seconds  # noqa: S311 - chance on purpose
    while time.monotonic() < end:
        yield chance.choice(BLOWS)


async def every_run_ended_once(scene: Scene) -> None:
    """The ledger's own account of what happened."""
    ended = await scene.ask(
        "select id, state, error_class from platform.task_run where finished_at is not null and lease_until is null"
    )
    ids = {row[0] for row in ended}
    wrong = [row for row in ended if row[1] not in {"succeeded", "cancelled"} and row[2] not in EXCUSED]
    twice = await scene.ask(
        "select r.id, count(*) from platform.task_run r join platform.task_run_log l on l.run_id = r.id"
        " where l.code = 'recorded' group by r.id having count(*) > 1 + r.crashes"
    )
    overlapping = await scene.ask(
        "select a.id, b.id from platform.task_run a join platform.task_run b"
        " on a.environment = b.environment and a.task = b.task and a.id < b.id"
        " where a.started_at < b.finished_at and b.started_at < a.finished_at"
    )
    assert (wrong, twice, overlapping) == ([], [], [])
    assert scene.pressed <= ids
    assert len(scene.pressed) > len(BLOWS)


async def the_product_still_works(scene: Scene) -> None:
    """Fixed counts, RUN once more: it is done at once, by the processes that lived through it all."""
    for simulator in scene.simulators:
        simulator.fault("ok")
        simulator.count(**FIXED)
    for environment in scene.environments:
        async with scene.platform.databases.work(environment, Actor.system()) as work:
            for task in POLLS:
                assert (await tasks.run(work, task)).is_new
    await scene.until("select count(*) = 0 from platform.task_run where state in ('queued', 'running')")
    last = await scene.ask(
        "select distinct on (environment, task) state, error_class from platform.task_run"
        " where task like 'update%' order by environment, task, id desc"
    )
    assert set(last) == {("succeeded", None)}


async def viewers_show_the_truth(scene: Scene, viewers: list[Viewer]) -> None:
    """Every screen equals a fresh answer, and that has the numbers of the vendors."""
    for viewer in viewers:
        truth = await fresh(viewer.host, viewer.port)
        percent = {pin["name"]: pin["occupancy"]["percentFull"] for pin in truth if "occupancy" in pin}
        assert (percent["North Garage"], percent["South Deck"], percent["Arts Centre"]) == (20, 50, 10)
        async with patience():
            while viewer.state != truth:  # noqa: ASYNC110 - it is another task's
                await asyncio.sleep(0.1)
        assert viewer.losses > 0
