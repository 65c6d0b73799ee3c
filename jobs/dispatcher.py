"""The dispatcher: sees what is due, takes back what was lost, and wakes workers. Any number of them may run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import redis
import structlog

from domain.tasks.events import TOPIC
from jobs.broker import make_broker, send
from jobs.claims import unsend
from jobs.fairness import MOST, Caps
from jobs.health import Looks, Vitals, answering, is_fresh
from jobs.ledger import OUTAGES, Ledger, all_ledgers
from jobs.metrics import LedgerMetrics
from jobs.planning import Catalogue, plan_due
from jobs.platform_tasks import EVERY_TASK
from jobs.reaper import reap
from jobs.sending import mark_next
from jobs.stopping import stop_on_signals, wait_for_any
from jobs.timing import DEFAULT_TIMING, Timing
from tenants.databases import REGISTRY
from tenants.environments import State
from tenants.platform_tasks import ledger_name

if TYPE_CHECKING:
    from dramatiq.brokers.redis import RedisBroker

    from domain.tasks.catalogue import SystemTask
    from jobs.platform import Platform

log = structlog.get_logger(__name__)

NUDGE = "dispatcher"
SHORTEST_GAP_S = 0.03
"""Nudges come in swarms; this many seconds of them are answered by one look."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """One dispatcher over all ledgers; ``tick`` is one look at all of them."""

    platform: Platform
    broker: RedisBroker
    timing: Timing = DEFAULT_TIMING
    catalogue: Catalogue = field(default_factory=lambda: EVERY_TASK)
    caps: Caps = field(default_factory=Caps)
    looks: Looks = field(default_factory=Looks)

    async def tick(self) -> bool:
        """Look at every ledger once. Returns whether all of them, and Redis, could be reached."""
        return all(await asyncio.gather(*(self.look_at(ledger) for ledger in self.ledgers())))

    def ledgers(self) -> list[Ledger]:
        """The ledgers as the registry knows them now."""
        return all_ledgers(self.platform.databases, self.platform.registry)

    async def look_at(self, ledger: Ledger) -> bool:
        """Look at one ledger once; that it is away is logged. Returns whether it, and Redis, could be reached."""
        was_reached = await self._look_at(ledger)
        self.looks.note(ledger.name, self.platform.clock(), was_reached=was_reached)
        return was_reached

    async def _look_at(self, ledger: Ledger) -> bool:
        try:
            for lost in await reap(ledger, self.timing.crash_pause):
                log.warning("lease_expired", run=str(lost.run_id), task=lost.task, state=lost.state)
                await self._tell(lost.environment)
            await plan_due(ledger, self.catalogue, self._may_run)
            return await self._send(ledger)
        except OUTAGES as error:
            log.warning("ledger_unreachable", ledger=ledger.name, error=repr(error))
            return False

    async def _send(self, ledger: Ledger) -> bool:
        caps = replace(self.caps, runs_of=self._runs_of)
        chosen = await mark_next(ledger, self.catalogue, caps, self.timing.resend_after)
        try:
            await asyncio.to_thread(send, self.broker, chosen, ledger.name)
        except redis.RedisError as error:
            log.warning("redis_unreachable", unsent=len(chosen), error=repr(error))
            await unsend(ledger, [run.run_id for run in chosen])
            return False
        return True

    async def _tell(self, role: str) -> None:
        environment = self.platform.registry.by_role(role)
        if environment is not None:
            await self.platform.bus.publish(environment.id, frozenset({TOPIC}))

    def _runs_of(self, role: str) -> int:
        """What the plan allows in flight; the platform's own runs have no plan."""
        environment = self.platform.registry.by_role(role)
        return MOST if environment is None else environment.tenant.entitled.limits.runs

    def _may_run(self, role: str, task: SystemTask) -> bool:
        """Only in an active environment, and what belongs to a feature only where that is on."""
        environment = self.platform.registry.by_role(role)
        if environment is None:
            return role == ledger_name(self.platform.databases.database_name(REGISTRY))
        if environment.state is not State.ACTIVE:
            return False
        return task.feature is None or task.feature in environment.features


async def serve(platform: Platform, timing: Timing | None = None) -> None:
    """Dispatch until SIGTERM or SIGINT; an outage of PostgreSQL or Redis is waited for, with growing pauses.

    Call it in the main thread, on a platform that follows its bus and registry. Nothing is lost by killing it.
    """
    stop = stop_on_signals()
    broker = make_broker(platform.settings.redis_url, platform.settings.namespace)
    dispatcher = Dispatcher(platform, broker, timing or Timing.of(platform.settings))
    try:
        async with answering(platform.settings, vitals(dispatcher, stop)):
            log.info("dispatcher_ready")
            await dispatch(dispatcher, stop)
    finally:
        broker.client.close()
        log.info("dispatcher_stopped")


def vitals(dispatcher: Dispatcher, stop: asyncio.Event) -> Vitals:
    """How a dispatcher is: alive while it looks, whatever it finds; ready while it and its bus find a ledger there."""
    platform, looks = dispatcher.platform, dispatcher.looks
    clock, began = platform.clock, platform.clock()

    async def is_ready() -> bool:
        return not stop.is_set() and platform.bus.is_connected and is_fresh(looks.reached, clock())

    return Vitals(
        lambda: is_fresh({"": began, **looks.ended}, clock()),
        is_ready,
        LedgerMetrics(dispatcher.ledgers, looks, dispatcher.catalogue).text,
    )


async def dispatch(dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    """Keep looking at each ledger until ``stop`` is set; in a loop of its own, so that one that is away holds up no other."""
    loops: dict[str, asyncio.Task[None]] = {}
    try:
        while not stop.is_set():
            for ledger in dispatcher.ledgers():
                if ledger.name not in loops:
                    loops[ledger.name] = asyncio.create_task(_keep_looking(dispatcher, ledger.name, stop))
            for ended in [loop for loop in loops.values() if loop.done()]:
                ended.result()  # a loop ends only by a mistake of ours, which must be seen
            await wait_for_any([stop], dispatcher.timing.poll.total_seconds())
        await asyncio.gather(*loops.values())
    finally:
        for loop in loops.values():
            loop.cancel()


async def _keep_looking(dispatcher: Dispatcher, name: str, stop: asyncio.Event) -> None:
    """Look at every nudge, else once a poll interval."""
    nudged = asyncio.Event()
    dispatcher.platform.bus.on_nudge(NUDGE, nudged.set)
    poll, longest = dispatcher.timing.poll.total_seconds(), dispatcher.timing.longest_backoff.total_seconds()
    pause = poll
    while not stop.is_set():
        nudged.clear()
        ledger = next((one for one in dispatcher.ledgers() if one.name == name), None)
        was_reached = ledger is None or await dispatcher.look_at(ledger)
        pause = poll if was_reached else min(pause * 2, longest)
        await wait_for_any([nudged, stop], pause)
        await wait_for_any([stop], SHORTEST_GAP_S)
