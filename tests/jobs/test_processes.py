"""Workers as real processes: killed, stopped for longer than their lease, and asked to end, in the middle of a poll."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import RowMapping

from domain.kernel.actor import Actor
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from jobs.reaper import reap
from opscom.embedded.child import start_child, stop_child
from tenants.environments import Environment
from tenants.settings import Settings
from tests.fixtures.jobs import Desk
from tests.fixtures.simulators import Simulator
from tests.patience import PATIENCE_S
from tests.simulators.campus import MISTALL_PASSWORD, MISTALL_USER

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-u", "-m", "tests.jobs.process", "worker"]


@dataclass
class Process:
    """A worker as a process, and what it says."""

    child: subprocess.Popen[bytes]
    log: Path

    async def says(self, word: str) -> bool:
        """Whether it has said something by now."""
        return word in self.log.read_text()


StartWorker = Callable[[], Process]


@pytest.fixture
def start_worker(settings: Settings, broker: RedisBroker, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts worker processes on the platform of the tests; stops them at the end. The broker's queues are empty."""
    started: list[Process] = []

    def start() -> Process:
        log = tmp_path / f"worker-{len(started)}.log"
        with log.open("wb") as output:
            child = start_child(COMMAND, env=_told(settings), cwd=ROOT, output=output)
        started.append(Process(child, log))
        return started[-1]

    yield start
    for process in started:
        if process.child.poll() is None:
            process.child.send_signal(signal.SIGCONT)
        stop_child(process.child, signal.SIGKILL)


@pytest.fixture
async def university(desk: Desk, tenant: Environment, mistall: Simulator) -> Environment:
    """A tenant whose Mistall takes its time."""
    await desk.furnish(tenant)
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        await change_integration(
            work,
            Vendor.MISTALL,
            is_enabled=True,
            live_endpoint=mistall.endpoint,
            live_user_name=MISTALL_USER,
            live_password=MISTALL_PASSWORD,
        )
    return tenant


async def in_the_middle(desk: Desk, university: Environment, mistall: Simulator) -> UUID:
    """A run that asked Mistall and waits for the answer."""
    before = mistall.requests()["total"]
    requested = await desk.press(university, "update_mistall")

    async def is_asked() -> bool:
        return bool(mistall.requests()["total"] > before)

    await desk.until(is_asked)
    return requested.run_id


async def lease_is_over(desk: Desk, run_id: UUID) -> None:
    """Let the time pass for which a worker that does nothing any more has its run."""
    await desk.execute("update platform.task_run set lease_until = clock_timestamp() where id = :id", id=run_id)


async def test_a_killed_workers_run_is_done_by_another(
    desk: Desk, university: Environment, mistall: Simulator, broker: RedisBroker, start_worker: StartWorker
) -> None:
    mistall.fault("slow", times=1, seconds=60)
    async with desk.dispatching(broker):
        first = start_worker()
        run_id = await in_the_middle(desk, university, mistall)
        first.child.kill()
        first.child.wait(PATIENCE_S)
        await lease_is_over(desk, run_id)
        start_worker()
        await desk.until_ended(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["attempt"], run["crashes"], run["counters"]["created"]) == ("succeeded", 2, 1, 5)
    assert [line["code"] for line in await desk.lines(run_id)] == ["lease_expired", "recorded"]


async def test_a_worker_that_wakes_up_after_its_lease_writes_nothing(
    desk: Desk, university: Environment, mistall: Simulator, broker: RedisBroker, start_worker: StartWorker
) -> None:
    mistall.fault("slow", times=1, seconds=6)
    mistall.count(lot11=100)
    async with desk.dispatching(broker):
        stopped = start_worker()
        run_id = await in_the_middle(desk, university, mistall)
        stopped.child.send_signal(signal.SIGSTOP)
        await lease_is_over(desk, run_id)
        start_worker()
        await desk.until_ended(run_id)
        ended = await desk.run(run_id)
        stopped.child.send_signal(signal.SIGCONT)
        await desk.until(lambda: stopped.says("lease_lost"))

    assert stopped.child.poll() is None
    assert dict(await desk.run(run_id)) == dict(ended)
    assert (ended["state"], ended["fence"], ended["crashes"]) == ("succeeded", 2, 1)
    assert [line["code"] for line in await desk.lines(run_id)] == ["lease_expired", "recorded"]


async def test_a_worker_that_is_asked_to_end_gives_its_run_back_at_once(
    desk: Desk, university: Environment, mistall: Simulator, broker: RedisBroker, start_worker: StartWorker
) -> None:
    mistall.fault("slow", times=1, seconds=60)
    async with desk.dispatching(broker):
        first = start_worker()
        run_id = await in_the_middle(desk, university, mistall)
        first.child.terminate()
        assert await asyncio.to_thread(first.child.wait, PATIENCE_S) == 0
        given_back = await desk.run(run_id)
        start_worker()
        await desk.until_ended(run_id)

    run = await desk.run(run_id)
    assert _place(given_back) == ("queued", 0, 0, None)
    assert (run["state"], run["attempt"], run["crashes"]) == ("succeeded", 1, 0)
    assert await reap(desk.ledger, timedelta(0)) == []


def _place(run: RowMapping) -> tuple[object, ...]:
    return run["state"], run["attempt"], run["crashes"], run["lease_until"]


def _told(settings: Settings) -> dict[str, str]:
    """The settings as a process of its own is told them."""
    return os.environ | {
        "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
        "OPSCOM_REDIS_URL": settings.redis_url,
        "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "OPSCOM_NAMESPACE": settings.namespace,
        "OPSCOM_EGRESS_ALLOW": '["127.0.0.0/8"]',
    }
