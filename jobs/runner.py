"""Does what a wake-up asks for: claims the run, carries it out in its environment, gives it out of hand. Knows no Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.kernel.features import FeatureOff
from domain.kernel.ledger import RunState, Trigger
from domain.tasks.events import TOPIC
from jobs import claims
from jobs.claims import Claim, Ending
from jobs.context import PlatformContext, RunContext, TaskFunction
from jobs.dispatcher import NUDGE
from jobs.integrations.breaker import Breakers
from jobs.integrations.http import VendorHttp
from jobs.ledger import OUTAGES, all_ledgers
from jobs.metrics import RunMetrics
from jobs.planning import Catalogue
from jobs.platform_tasks import EVERY_TASK, PLATFORM_FUNCTIONS
from jobs.runlog import RunLog
from jobs.running import carry_out
from jobs.system_tasks import SYSTEM_TASKS
from jobs.timing import DEFAULT_TIMING, Timing
from tenants.databases import REGISTRY
from tenants.egress import DEFAULT_LIMITS, Limits
from tenants.environments import State
from tenants.platform_tasks import ledger_name

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from jobs.platform import Platform
    from tenants.environments import Environment

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
_UNKNOWN = Ending(RunState.CANCELLED, "environment_unknown", "There is no such environment any more.")
_BEING_MADE = Ending(RunState.QUEUED, pause=timedelta(seconds=1), is_counted=False)
_REGISTRY_AWAY = Ending(
    RunState.QUEUED,
    "database_unavailable",
    "Nobody could say whether the environment is active.",
    timedelta(seconds=5),
    is_counted=False,
)
_OFF = Ending(RunState.CANCELLED, "task_disabled", "The task was switched off before the run began.")
_FEATURE_OFF = Ending(
    RunState.CANCELLED, FeatureOff.code, "The site does not have the feature that the task belongs to."
)
_NO_TASK = Ending(RunState.FAILED, "task_unknown", "This version of the platform does not know the task.")


@dataclass(slots=True)
class Runner:
    """Carries out runs, any number at once. Everything a run needs is made for that run alone.

    ``stop`` is set when the process is to stop: no more runs are taken. ``running`` are the runs in hand, ``attempts`` the
    part of them that may be cancelled: those give their run back.
    """

    platform: Platform
    timing: Timing = DEFAULT_TIMING
    catalogue: Catalogue = field(default_factory=lambda: EVERY_TASK)
    tasks: Mapping[str, TaskFunction] = field(default_factory=lambda: SYSTEM_TASKS)
    limits: Limits = DEFAULT_LIMITS
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    attempts: set[asyncio.Task[Ending | None]] = field(default_factory=set)
    breakers: Breakers = field(init=False)
    metrics: RunMetrics = field(init=False)

    def __post_init__(self) -> None:
        """The breakers and the metrics live as long as the process."""
        self.breakers = Breakers(self.platform.clock)
        self.metrics = RunMetrics(self.attempts)

    async def run(self, run_id: UUID, ledger: str = REGISTRY) -> None:
        """Claim the run and carry it out. Never raises: whatever happens, the row in the ledger decides what follows.

        ``ledger`` is the one to look into first; the others are looked into as well.
        """
        task = asyncio.create_task(self._run(run_id, ledger))
        self.running.add(task)
        try:
            await task
        except OUTAGES as error:
            log.warning("ledger_unreachable", run=str(run_id), error=repr(error))
        finally:
            self.running.discard(task)

    async def let_finish(self) -> None:
        """Wait for what runs, for the grace period; then cancel the attempts, which gives their runs back."""
        if self.running:
            await asyncio.wait(self.running, timeout=self.timing.grace.total_seconds())
        for attempt in self.attempts:
            attempt.cancel()
        if self.running:
            await asyncio.wait(self.running, timeout=self.timing.grace.total_seconds())

    async def _run(self, run_id: UUID, ledger: str) -> None:
        claim = await self._claim(run_id, ledger)
        if claim is None:
            return
        if claim.environment == ledger_name(self.platform.databases.database_name(REGISTRY)):
            await self._run_of_platform(claim)
            return
        try:
            environment = await self._environment(claim)
        except OUTAGES as error:
            log.warning("registry_unreachable", run=str(claim.run_id), error=repr(error))
            await self._end(claim, _REGISTRY_AWAY, claim.progress, claim.counters, [])
            return
        refused = _refusal(environment, claim, self.tasks, self.catalogue)
        if refused is not None or environment is None:
            await self._end(claim, refused or _UNKNOWN, claim.progress, claim.counters, [])
            return
        await self._tell(environment)
        context = self._context(claim, environment)
        ending = await self._attempt(claim, carry_out(context, self.tasks[claim.task], self.timing))
        if ending is not None:
            counters = context.counters.as_json()
            await self._end(claim, ending, context.saved_progress, counters, context.runlog.take())
        await self._tell(environment)

    async def _run_of_platform(self, claim: Claim) -> None:
        """A run of the platform itself, which works in no environment."""
        function = PLATFORM_FUNCTIONS.get(claim.task)
        if function is None:
            await self._end(claim, _NO_TASK, claim.progress, claim.counters, [])
            return
        runlog = RunLog(claim, self.platform.clock)
        context = PlatformContext.begin(self.platform, claim, self.catalogue[claim.task], runlog=runlog, stop=self.stop)
        ending = await self._attempt(claim, carry_out(context, function, self.timing))
        if ending is not None:
            await self._end(claim, ending, {}, context.counters.as_json(), runlog.take())

    async def _claim(self, run_id: UUID, ledger: str) -> Claim | None:
        """Take the run wherever it is; while the database is away, until the dispatcher would send it again anyway."""
        deadline = time.monotonic() + self.timing.resend_after.total_seconds()
        while True:
            try:
                return await self._claim_once(run_id, ledger)
            except OUTAGES as error:
                if time.monotonic() > deadline or self.stop.is_set():
                    raise
                log.warning("claim_waits", run=str(run_id), error=repr(error))
                await asyncio.sleep(FIRST_PAUSE_S)

    async def _claim_once(self, run_id: UUID, first: str) -> Claim | None:
        """Raises what the first ledger raised if it is away; without the others the dispatcher sends the run again."""
        ledgers = all_ledgers(self.platform.databases, self.platform.registry)
        failure: Exception | None = None
        for ledger in sorted(ledgers, key=lambda one: one.name != first):
            try:
                if self.stop.is_set():
                    await claims.unsend(ledger, [run_id])
                elif found := await claims.claim(ledger, run_id, self.timing.lease):
                    return found
            except OUTAGES as error:
                failure = error if ledger.name == first else failure
        if failure is not None:
            raise failure
        return None

    async def _environment(self, claim: Claim) -> Environment | None:
        """The environment of a run.

        The registry is asked whether what we know is still so before a run is refused, and when an attempt failed: an old
        map may have been the reason (a schema that was switched, a data key that was new).
        """
        known = self.platform.registry.by_role(claim.environment)
        if known is not None and known.state is State.ACTIVE and claim.failures == 1:
            return known
        await self.platform.registry.load()
        return self.platform.registry.by_role(claim.environment)

    async def _attempt(self, claim: Claim, carried_out: Coroutine[None, None, Ending | None]) -> Ending | None:
        """The attempt in a task of its own: what it sets in its context is gone with it."""
        attempt, began = asyncio.create_task(carried_out), time.monotonic()
        self.attempts.add(attempt)
        try:
            ending = await attempt
        except asyncio.CancelledError:
            ending = Ending(RunState.QUEUED)  # cancelled before it began
        finally:
            self.attempts.discard(attempt)
        self.metrics.ended(claim.task, ending, time.monotonic() - began)
        return ending

    def _context(self, claim: Claim, environment: Environment) -> RunContext:
        platform = self.platform
        http = VendorHttp(
            platform.egress,
            self.breakers,
            environment.id,
            platform.clock,
            by_hand=claim.trigger == Trigger.BUTTON,
            limits=self.limits,
        )
        task = self.catalogue[claim.task]
        runlog = RunLog(claim, platform.clock)
        return RunContext.begin(platform, environment, claim, task, runlog=runlog, http=http, stop=self.stop)

    async def _end(
        self, claim: Claim, ending: Ending, progress: Json, counters: Json, lines: list[claims.LogLine]
    ) -> None:
        """Write the ending; while the database is away try again, until the lease is long over."""
        pause, deadline = FIRST_PAUSE_S, time.monotonic() + 2 * self.timing.lease.total_seconds()
        has_more: bool | None = None
        while has_more is None:
            try:
                has_more = await claims.end(claim, ending, progress=progress, counters=counters, lines=lines)
            except OUTAGES as error:
                if time.monotonic() > deadline or self.stop.is_set():
                    raise
                log.warning("ending_not_written", run=str(claim.run_id), error=repr(error), retry_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        if has_more:
            await self.platform.bus.nudge(NUDGE)

    async def _tell(self, environment: Environment) -> None:
        await self.platform.bus.publish(environment.id, frozenset({TOPIC}))


def _refusal(
    environment: Environment | None, claim: Claim, tasks: Mapping[str, TaskFunction], catalogue: Catalogue
) -> Ending | None:
    """How the run ends without being carried out. None: it is carried out."""
    if environment is None:
        return _UNKNOWN
    if environment.state is State.PENDING:
        return _BEING_MADE
    if environment.state is not State.ACTIVE:
        return Ending(RunState.CANCELLED, "environment_inactive", f"The environment is {environment.state.value}.")
    if claim.trigger == Trigger.SCHEDULE and claim.is_enabled is False:
        return _OFF
    if claim.task not in tasks:
        return _NO_TASK
    feature = catalogue[claim.task].feature
    return _FEATURE_OFF if feature is not None and feature not in environment.features else None
