"""memory: what PostgreSQL's backends hold after an hour's worth of transactions in 500 tenants, few of which are busy."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import accumulate
from pathlib import Path

import psycopg

from bench.campus import count_cars
from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.fleet import fleet
from bench.tenancy.volume import database
from domain.groups.queries import managed_groups
from domain.kernel.actor import Actor
from domain.kernel.snapshot import Snapshot
from domain.lots.queries import managed_lots, user_types_of_lots
from domain.permits.queries import visible_permits
from domain.pins.queries import staff_map, visitor_map
from domain.settings.queries import integrations
from domain.tasks.queries import scheduled_tasks
from domain.users.queries import visible_users
from domain.zones.queries import managed_links, managed_zones
from tenants.environments import Environment

TENANTS = 500
TRANSACTIONS = 30_000
AT_ONCE = 16
WRITES = 0.1
"""The share of transactions that change something."""
SEED = 4
MEGA = 1e6
SYSTEM = Actor.system("bench")

Read = Callable[[Snapshot], Awaitable[object]]
READS: tuple[Read, ...] = (
    visitor_map,
    staff_map,
    integrations,
    scheduled_tasks,
    lambda snapshot: snapshot.scalars(managed_groups(SYSTEM)),
    lambda snapshot: snapshot.scalars(managed_lots(SYSTEM)),
    lambda snapshot: snapshot.rows(user_types_of_lots(SYSTEM)),
    lambda snapshot: snapshot.scalars(visible_permits(SYSTEM).limit(50)),
    lambda snapshot: snapshot.scalars(visible_users(SYSTEM).limit(50)),
    lambda snapshot: snapshot.scalars(managed_zones(SYSTEM)),
    lambda snapshot: snapshot.scalars(managed_links(SYSTEM)),
)
"""What portals and staff ask; a transaction does some of it."""
_BACKENDS = "select pid from pg_stat_activity where application_name = 'opscom app'"


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Transactions of random tenants over the real pool, the n-th of them a n-th as often as the first (Zipf's law)."""
    tenants = await fleet(lab, sized(TENANTS))
    weights = list(accumulate(1 / place for place in range(1, len(tenants) + 1)))
    chance = random.Random(SEED)  # noqa: S311 - no secret
    left = chance.choices(tenants, cum_weights=weights, k=sized(TRANSACTIONS))
    seen: dict[int, float] = {}
    watching = asyncio.create_task(_watch(lab, seen))
    await asyncio.gather(*(_work(lab, left, chance) for _ in range(AT_ONCE)))
    watching.cancel()
    at_end = _backends(lab)
    seen |= {pid: max(seen.get(pid, 0), held) for pid, held in at_end.items()}
    yield Row("backends at the end", len(at_end), "of the pool")
    yield Row(
        f"backends retired in {sized(TRANSACTIONS):,} transactions of {len(tenants)} tenants",
        len(seen) - len(at_end),
        "",
    )
    yield Row("memory of a backend of its own, most ever", max(seen.values()), "MB", at_most=120)
    yield Row("memory of a backend of its own at the end, median", statistics.median(at_end.values()), "MB")


async def _work(lab: Lab, left: list[Environment], chance: random.Random) -> None:
    while left:
        environment = left.pop()
        if chance.random() < WRITES:
            await count_cars(lab.platform, environment, chance.randrange(100))
            continue
        async with lab.platform.databases.snapshot(environment, SYSTEM) as snapshot:
            for read in chance.sample(READS, k=3):
                await read(snapshot)


async def _watch(lab: Lab, seen: dict[int, float]) -> None:
    while True:
        await asyncio.sleep(1)
        for pid, held in _backends(lab).items():
            seen[pid] = max(seen.get(pid, 0), held)


def _backends(lab: Lab) -> dict[int, float]:
    """Megabytes that each backend of the pool has to itself: not what all of them share."""
    with psycopg.connect(database(lab)) as connection:
        return {pid: _anonymous(pid) / MEGA for (pid,) in connection.execute(_BACKENDS).fetchall()}


def _anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it was retired just now
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
