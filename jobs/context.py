"""What a system task is given: its environment, the ways to read and write it, its log, counters and progress.

Everything is an argument; a task that reaches for something of the process gets nothing of another run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self
from uuid import UUID

from sqlalchemy import select, update

from domain.kernel.actor import Actor
from domain.kernel.errors import EnvironmentMoving, StaleEnvironment
from domain.kernel.ledger import RunState, TaskRun
from domain.tasks.catalogue import SystemTask
from jobs.claims import Claim
from jobs.faults import LeaseLost, Stopping
from jobs.runlog import RunLog

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from domain.kernel.snapshot import Snapshot
    from domain.kernel.work import Work
    from jobs.integrations.http import VendorHttp
    from jobs.platform import Platform
    from tenants.environments import Environment


@dataclass(slots=True)
class Counters:
    """What staff see of a run at a glance."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0

    @classmethod
    def of(cls, saved: Json) -> Self:
        """The counters as an earlier attempt left them."""
        return cls(**{f.name: value for f in fields(cls) if isinstance(value := saved.get(f.name), int)})

    def as_json(self) -> Json:
        """All counters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(slots=True)
class Attempt:
    """One attempt at one run, whether of an environment or of the platform itself.

    ``progress`` is the task's own note on how far it came. A later attempt finds the note that was saved last.
    """

    claim: Claim
    task: SystemTask
    runlog: RunLog
    stop: asyncio.Event
    progress: Json
    counters: Counters
    saved_progress: Json
    limit: asyncio.Timeout | None = field(default=None, init=False)

    @property
    def is_over_time(self) -> bool:
        """Whether a cancellation means that the attempt took longer than its task may, which ends its run for good."""
        return self.limit is not None and self.limit.expired()

    @property
    def payload(self) -> Json:
        """What the run was written with: ids only."""
        return self.claim.payload

    @property
    def is_last_attempt(self) -> bool:
        """Whether a fault that may pass ends the run all the same."""
        return self.claim.failures >= self.task.attempts

    def check_stopping(self) -> None:
        """Between two steps of a long task: raise Stopping when the worker is to stop."""
        if self.stop.is_set():
            msg = "The worker stops."
            raise Stopping(msg)


@dataclass(slots=True)
class PlatformContext(Attempt):
    """One attempt at a run of the platform itself: it works on rows of the registry, named in its payload."""

    platform: Platform

    @classmethod
    def begin(cls, platform: Platform, claim: Claim, task: SystemTask, *, runlog: RunLog, stop: asyncio.Event) -> Self:
        """The context of an attempt."""
        return cls(claim, task, runlog, stop, {}, Counters(), {}, platform)

    @property
    def row_id(self) -> UUID:
        """The row of the registry that the run is about."""
        return UUID(str(self.payload["id"]))


@dataclass(slots=True)
class RunContext(Attempt):
    """One attempt at one run in an environment.

    ``progress`` and the counters are saved in the transaction of each ``work``; a later attempt goes on counting from
    there.
    """

    platform: Platform
    environment: Environment
    http: VendorHttp

    @classmethod
    def begin(
        cls,
        platform: Platform,
        environment: Environment,
        claim: Claim,
        task: SystemTask,
        *,
        runlog: RunLog,
        http: VendorHttp,
        stop: asyncio.Event,
    ) -> Self:
        """The context of an attempt, with the progress that an earlier one saved."""
        counters = Counters.of(claim.counters) if claim.progress else Counters()
        noted = deepcopy(claim.progress), counters, claim.progress
        return cls(claim, task, runlog, stop, *noted, platform, environment, http)

    @property
    def actor(self) -> Actor:
        """The platform itself, named after the task."""
        return Actor.system(self.task.name)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """One write transaction of the environment; its last statement proves that the run is still ours.

        Leaving it raises LeaseLost, and nothing is written, when it is not. Raises EnvironmentMoving, StaleEnvironment.
        """
        try:
            async with self.platform.databases.work(self.environment, self.actor, before_commit=self._prove) as work:
                yield work
        except StaleEnvironment as error:
            await self.platform.registry.load()
            current = self.platform.registry.by_id(self.environment.id)
            if current is not None and current.is_moving:
                raise EnvironmentMoving("The environment is being moved.") from error
            raise
        self.saved_progress = deepcopy(self.progress)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Reads of the environment in one view of the data."""
        snapshot = self.platform.databases.snapshot(self.environment, self.actor)
        try:
            yield snapshot
        finally:
            await snapshot.end()

    async def _prove(self, work: Work) -> None:
        """Save how far the run came, if anything was noted, and thereby lock it; else lock it in share mode."""
        held = (
            TaskRun.id == self.claim.run_id,
            TaskRun.fence == self.claim.fence,
            TaskRun.state == RunState.RUNNING.value,
        )
        noted = {"progress": self.progress, "counters": self.counters.as_json()}
        if noted != {"progress": self.claim.progress, "counters": self.claim.counters}:
            proof = await work.rows(update(TaskRun).where(*held).values(noted).returning(TaskRun.id))
        else:
            proof = await work.rows(select(TaskRun.id).where(*held).with_for_update(read=True))
        if not proof:
            msg = "The run was given to another worker."
            raise LeaseLost(msg)


TaskFunction = Callable[[RunContext], Awaitable[None]]
"""A system task: works on its context, returns when it is done, raises a Fault when it can not be."""

PlatformFunction = Callable[[PlatformContext], Awaitable[None]]
"""The same for a task of the platform itself."""
