"""The broker: Redis carries the ids of runs, and in which ledger they are, as wake-ups and nothing else. Losing all of it loses time only."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from domain.tasks.catalogue import Queue
from jobs.fairness import Chosen
from tenants.databases import REGISTRY

ACTOR = "carry_out"
# Of a million commands. Only a command can notice that a process died and put its messages back; the default of 1,000
# takes ten minutes on an idle queue.
MAINTENANCE_CHANCE = 100_000
PATIENCE_S = 5.0


def make_broker(redis_url: str, namespace: str) -> RedisBroker:
    """A broker without middleware: nothing is retried, delayed, aged or limited by Dramatiq, the row decides it all."""
    client: redis.Redis = redis.Redis.from_url(
        redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, health_check_interval=30
    )
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client, namespace=f"{namespace}:jobs", maintenance_chance=MAINTENANCE_CHANCE, middleware=[]
    )


def send(broker: RedisBroker, chosen: Iterable[Chosen], ledger: str = REGISTRY) -> None:
    """Send a wake-up for each run of a ledger; blocking. Raises redis.RedisError."""
    for run in chosen:
        broker.enqueue(message_of(run.run_id, run.queue, ledger))


def message_of(run_id: UUID, queue: Queue, ledger: str = REGISTRY) -> Message[None]:
    """The message that wakes a worker of a queue for a run. A ledger elsewhere is only where to look first: runs move."""
    args = (str(run_id),) if ledger == REGISTRY else (str(run_id), ledger)
    return Message(queue_name=queue.value, actor_name=ACTOR, args=args, kwargs={}, options={})
