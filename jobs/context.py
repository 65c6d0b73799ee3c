"""What a system task is given: its environment, the ways to read and write it, its log, counters and progress.

Everything is an argument; a task that reaches for something of the process gets nothing of another run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from domain.kernel.actor import Actor
from domain.kernel.ledger import RunState, TaskRun
from domain.tasks.catalogue import SystemTask
from jobs.claims import Claim
from jobs.faults import LeaseLost, Stopping
from jobs.runlog import RunLog

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from domain.kernel.snapshot import Snapshot
    from domain.kernel.work import Work
    from jobs.platform import Platform
    from jobs.vendors.http import VendorHttp
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

    def as_json(self) -> Json:
        """All counters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(slots=True)
class RunContext:
    """One attempt at one run.

    ``progress`` is the task's own note on how far it came; it and the counters are saved in the transaction of each
    ``work``, and when the run is given back. A later attempt finds the note of the one before.
    """

    platform: Platform
    environment: Environment
    claim: Claim
    task: SystemTask
    log: RunLog
    http: VendorHttp
    stop: asyncio.Event
    progress: Json = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)

    @property
    def actor(self) -> Actor:
        """The platform itself, named after the task."""
        return Actor.system(self.task.name)

    @property
    def payload(self) -> Json:
        """What the run was written with: ids only."""
        return self.claim.payload

    def check_stopping(self) -> None:
        """Between two steps of a long task: raise Stopping when the worker is to stop."""
        if self.stop.is_set():
            msg = "The worker stops."
            raise Stopping(msg)

    def work(self) -> Work:
        """One write transaction of the environment; its last statement proves that the run is still ours.

        Entering its commit raises LeaseLost, and nothing is written, when it is not.
        """
        return self.platform.databases.work(self.environment, self.actor, before_commit=self._prove)

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
