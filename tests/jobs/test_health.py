"""What workers and dispatchers say of themselves, asked over HTTP as an orchestrator and a Prometheus ask."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest
from dramatiq.worker import ConsumerThread, WorkerThread
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import create_async_engine

from domain.tasks.catalogue import Queue
from jobs.dispatcher import vitals
from jobs.faults import DatabaseUnavailable, TimeLimitPassed
from jobs.health import Looks, Vitals, answering
from jobs.ledger import Ledger
from jobs.metrics import LedgerMetrics
from jobs.worker import work
from tests.patience import PATIENCE_S, comes_about
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dramatiq.brokers.redis import RedisBroker

    from jobs.context import RunContext
    from opscom.platform import Platform
    from tenants.environments import Environment
    from tenants.settings import Settings
    from tests.fixtures.jobs import Desk
    from tests.fixtures.parking import SetClock

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True)
class Door:
    """The internal port of a process."""

    settings: Settings

    async def says(self, path: str) -> int:
        """The status of an answer."""
        return (await self.get(path)).status_code

    async def get(self, path: str) -> httpx2.Response:
        """An answer."""
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            return await client.get(f"http://127.0.0.1:{self.settings.jobs_port}{path}")

    async def scraped(self) -> Samples:
        """The metrics by name and labels."""
        families = text_string_to_metric_families((await self.get("/metrics")).text)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"opscom_{name}", tuple(sorted(labels.items()))))


def door_of(platform: Platform) -> Door:
    return Door(platform.settings.model_copy(update={"jobs_port": free_port()}))


@asynccontextmanager
async def opened(platform: Platform, told: Vitals) -> AsyncIterator[Door]:
    """The port of a process that tells this of itself."""
    door = door_of(platform)
    async with answering(door.settings, told):
        yield door


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[Door]:
    """A worker with two threads, and its port."""
    door = door_of(desk.platform)
    runner = replace(desk, platform=replace(desk.platform, settings=door.settings)).runner()
    running = asyncio.create_task(work(runner, {Queue.POLL: 2}))
    try:
        yield door
    finally:
        runner.stop.set()
        await running


async def test_what_is_not_over_is_told_by_queue_and_state_and_how_long_the_oldest_is_due(
    desk: Desk, platform: Platform, tenant: Environment, broker: RedisBroker
) -> None:
    desk.define("probe")
    await desk.queue(tenant, "probe", 3, not_before=platform.clock() - timedelta(seconds=90))
    await desk.queue(tenant, "probe", 2, not_before=platform.clock() + timedelta(hours=1), state="queued")
    await desk.queue(tenant, "probe", trigger="button", not_before=platform.clock() + timedelta(hours=1))
    await desk.queue(tenant, "probe", 4, state="running")
    await desk.queue(tenant, "probe", 5, state="succeeded")

    async with opened(platform, vitals(desk.dispatcher(broker), asyncio.Event())) as door:
        found, text = await door.scraped(), (await door.get("/metrics")).text

    poll, interactive = {"ledger": "main", "queue": "poll"}, {"ledger": "main", "queue": "interactive"}
    assert (value(found, "runs", **poll, state="queued"), value(found, "runs", **poll, state="running")) == (5, 4)
    assert value(found, "runs", **interactive, state="queued") == 1
    assert value(found, "runs", ledger="main", queue="backup", state="queued") == 0
    assert 90 <= (value(found, "runs_oldest_due_seconds", **poll) or 0) < 90 + PATIENCE_S
    assert value(found, "runs_oldest_due_seconds", **interactive) == 0
    assert value(found, "ledger_answered", ledger="main") == 1
    assert not any(name in text for name in (tenant.role, tenant.schema, tenant.tenant.slug, str(tenant.id)))


async def test_attempts_are_measured_by_task_and_by_what_became_of_them(
    desk: Desk, tenant: Environment, broker: RedisBroker
) -> None:
    """When a run is tried again is chance, so it fails once only, and that it was tried again is waited for."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def waits(_context: RunContext) -> None:
        begun.set()
        await may_end.wait()

    async def passes(context: RunContext) -> None:
        if context.claim.attempt == 1:
            raise DatabaseUnavailable("It is away.")

    async def fails(_context: RunContext) -> None:
        raise TimeLimitPassed("It took too long.")

    for name, function in {"waits": waits, "passes": passes, "fails": fails}.items():
        desk.define(name, function, rule="every 4")  # and so tried again within a second
    async with working(desk) as door, desk.dispatching(broker):
        runs = [(await desk.queue(tenant, name))[0] for name in ("passes", "fails")]
        await desk.until_ended(*runs)
        (waiting,) = await desk.queue(tenant, "waits")
        await begun.wait()
        meanwhile = await door.scraped()
        may_end.set()
        await desk.until_ended(waiting)
        afterwards, text = await door.scraped(), (await door.get("/metrics")).text

    assert value(meanwhile, "run_seconds_count", task="waits", outcome="succeeded") is None
    assert (value(meanwhile, "runs_in_hand"), value(afterwards, "runs_in_hand")) == (1, 0)
    assert value(afterwards, "run_seconds_count", task="waits", outcome="succeeded") == 1
    assert value(afterwards, "run_seconds_count", task="fails", outcome="failed") == 1
    assert value(afterwards, "run_seconds_count", task="passes", outcome="retried") == 1
    assert not any(name in text for name in (tenant.role, tenant.schema, tenant.tenant.slug))


async def test_a_database_that_never_answers_holds_up_no_scrape_and_is_asked_once(
    desk: Desk, platform: Platform
) -> None:
    """The driver waits for a server that took the connection; so would every scrape, each with a connection of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"postgresql+psycopg://nobody@127.0.0.1:{listening.getsockname()[1]}/nothing"
        silent = Ledger("silent", create_async_engine(address))
        metrics = LedgerMetrics(lambda: [desk.ledger, silent], Looks(), desk.catalogue)
        async with opened(platform, Vitals(lambda: True, _always, metrics.text)) as door:
            await door.scraped()
            found = await door.scraped()
        listening.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        listening.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listening.accept()

    assert value(found, "ledger_answered", ledger="silent") == 0
    assert value(found, "ledger_answered", ledger="main") == 1
    assert value(found, "runs", ledger="main", queue="poll", state="queued") == 0
    assert not [labels for name, labels in found if name == "opscom_runs" and ("ledger", "silent") in labels]


async def test_a_dispatcher_is_alive_and_ready_as_long_as_its_looks_are_young(
    desk: Desk, platform: Platform, broker: RedisBroker, set_clock: SetClock
) -> None:
    stop = asyncio.Event()
    dispatcher = replace(desk.dispatcher(broker), platform=replace(platform, clock=set_clock))
    async with opened(platform, vitals(dispatcher, stop)) as door:
        begun = await _health(door)
        set_clock.advance(seconds=31)
        hung = await _health(door)
        await dispatcher.tick()
        looked, found = await _health(door), await door.scraped()
        dispatcher.looks.note("", set_clock.now + timedelta(seconds=29), was_reached=False)
        set_clock.advance(seconds=31)
        in_vain = await _health(door)
        stop.set()
        await dispatcher.tick()
        stopping = await _health(door)

    assert (begun, hung, looked) == ((200, 503), (503, 503), (200, 200))
    assert (in_vain, stopping) == ((200, 503), (200, 503))
    looked_at = (set_clock.now - timedelta(seconds=31)).timestamp()
    assert value(found, "dispatcher_last_look_timestamp_seconds", ledger="main") == looked_at


@pytest.mark.parametrize("kind", [WorkerThread, ConsumerThread])
async def test_a_worker_that_lost_a_thread_wants_a_new_start(desk: Desk, kind: type[threading.Thread]) -> None:
    others = set(threading.enumerate())
    async with working(desk) as door:
        await comes_about(lambda: desk.platform.bus.is_connected)
        before = await _health(door)
        lost = next(one for one in set(threading.enumerate()) - others if isinstance(one, kind))
        lost.stop()  # type: ignore[attr-defined]  # both kinds have it
        await asyncio.to_thread(lost.join)
        after = await _health(door)

    assert (before, after) == ((200, 200), (503, 503))


async def _health(door: Door) -> tuple[int, int]:
    return await door.says("/healthz/live"), await door.says("/healthz/ready")


async def _always() -> bool:
    return True
