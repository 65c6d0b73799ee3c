"""The worker process: takes wake-ups from Redis and lets a Runner carry them out.

Each queue has a broker and threads of its own, so that none waits behind another. The threads only wait: the work is done
on the event loop of the main thread, where the platform's connections live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

import redis
import structlog
from dramatiq import Worker, actor

from domain.tasks.catalogue import Queue
from jobs.asking import Asked, greet
from jobs.broker import ACTOR, make_broker
from jobs.health import Vitals, answering
from jobs.ledger import all_ledgers
from jobs.runner import Runner
from jobs.stopping import stop_on_signals
from jobs.timing import Timing
from tenants.databases import REGISTRY

if TYPE_CHECKING:
    from dramatiq.brokers.redis import RedisBroker

    from jobs.platform import Platform

log = structlog.get_logger(__name__)

THREADS: Mapping[Queue, int] = MappingProxyType(
    {Queue.INTERACTIVE: 4, Queue.POLL: 6, Queue.PUSH: 2, Queue.BULK: 2, Queue.BACKUP: 1}
)
"""How many runs of a queue one process carries out at once, and how many messages it fetches."""
IDLE_MS: Mapping[Queue, int] = MappingProxyType({Queue.INTERACTIVE: 100})
"""How long an idle queue waits before it looks again; those not named here wait half a second."""
STOP_MS = 3000


async def serve(platform: Platform, queues: frozenset[Queue] = frozenset(Queue), timing: Timing | None = None) -> None:
    """Work off these queues until SIGTERM or SIGINT; then finish or give back what runs, and return.

    Call it in the main thread, on a platform that follows its bus and registry. An outage of PostgreSQL or Redis is
    waited for.
    """
    runner = Runner(platform, timing or Timing.of(platform.settings), stop=stop_on_signals())
    await work(runner, {queue: THREADS[queue] for queue in queues})


async def work(runner: Runner, threads: Mapping[Queue, int]) -> None:
    """Carry out the runs of these queues, as many at once as there are threads, until ``runner.stop`` is set."""
    hands = [_Hand.of(runner, queue, number) for queue, number in threads.items()]
    for hand in hands:
        hand.worker.start()
    async with answering(runner.platform.settings, _vitals(runner, hands)):
        log.info("worker_ready", queues=sorted(threads))
        try:
            await runner.stop.wait()
        finally:
            runner.stop.set()
            log.info("worker_stopping", running=len(runner.running))
            for hand in hands:
                hand.take_no_more()
            await runner.let_finish()
            await asyncio.gather(*(asyncio.to_thread(hand.stop) for hand in hands))
            log.info("worker_stopped")


def _vitals(runner: Runner, hands: list[_Hand]) -> Vitals:
    """How a worker is: alive while its threads are, or it stops; ready while the bus and any ledger answer, too."""
    platform = runner.platform
    asked = Asked(lambda: all_ledgers(platform.databases, platform.registry), greet)

    def has_threads() -> bool:
        return all(hand.is_whole for hand in hands)

    async def is_ready() -> bool:
        can_work = not runner.stop.is_set() and has_threads() and platform.bus.is_connected
        return can_work and any((await asked.answers()).values())

    return Vitals(lambda: runner.stop.is_set() or has_threads(), is_ready, runner.metrics.text)


@dataclass(frozen=True, slots=True)
class _Hand:
    """The broker and the threads of one queue."""

    queue: Queue
    broker: RedisBroker
    worker: Worker

    @classmethod
    def of(cls, runner: Runner, queue: Queue, threads: int) -> _Hand:
        settings = runner.platform.settings
        broker = make_broker(settings.redis_url, settings.namespace)
        actor(actor_name=ACTOR, queue_name=queue.value, broker=broker)(_handler(runner))
        broker.delay_queues.clear()  # nothing is ever delayed in Redis, so nobody needs to look there
        worker = Worker(broker, worker_threads=threads, worker_timeout=IDLE_MS.get(queue, 500))
        worker.queue_prefetch = threads
        return cls(queue, broker, worker)

    @property
    def is_whole(self) -> bool:
        """Whether every thread lives: those that work, and the one that fetches."""
        return all(thread.is_alive() for thread in (*self.worker.workers, *self.worker.consumers.values()))

    def take_no_more(self) -> None:
        """Let the threads end after the message in hand; what was fetched already is put back by ``stop``."""
        for thread in self.worker.workers:
            thread.stop()

    def stop(self) -> None:
        """Wait for the threads and put back what was fetched; blocking. Threads that wait for Redis are left behind."""
        try:
            self.worker.stop(STOP_MS)
        except redis.RedisError as error:
            log.warning("redis_unreachable", queue=self.queue.value, error=repr(error))
        finally:
            self.broker.client.close()


def _handler(runner: Runner) -> Callable[[str, str], None]:
    """What a thread does with a message: hand it to the loop and wait. The message is done with in every case."""
    loop = asyncio.get_running_loop()

    def carry_out(run_id: str, ledger: str = REGISTRY) -> None:
        asyncio.run_coroutine_threadsafe(runner.run(UUID(run_id), ledger), loop).result()

    return carry_out
