"""A ledger with a dispatcher, workers that die at a chosen point, and one that lives; and what must be so afterwards.

There are two cells; new environments are made in the first one only.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import select

from domain.kernel.clock import utc_now
from gateway.app import Gateway, create_app
from gateway.app import running as serving
from opscom.platform import Platform, open_platform
from tenants.backups.actions import ABANDONED_AFTER
from tenants.cells.adding import add_cell
from tenants.environments import Environment
from tenants.migrate import migrate_platform
from tenants.orphans import audit_everything, sweep_everything
from tenants.registry.cells import set_open
from tenants.registry.records import BackupRow
from tenants.settings import Settings
from tests.faults.doomed import run, running
from tests.faults.reader import Reader, logged_in, reading
from tests.fixtures.cells import NewDatabase
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant, tenants_of

SECOND = "second"
KILLED = -signal.SIGKILL


@dataclass
class Scene:
    """A ledger with a dispatcher, workers that die, and one that does not."""

    platform: Platform
    desk: Desk
    folder: Path
    deaths: int = 0
    _numbers: Any = field(default_factory=count)

    def log(self) -> Path:
        """Where the next process says something."""
        return self.folder / f"{next(self._numbers)}.log"

    async def killed(self, run_id: UUID, blade: int) -> bool:
        """Let a real worker carry out a run until it dies at the point; False: it came to the end before."""
        async with running(["worker"], self.platform.settings, self.log(), blade=blade) as process:

            async def is_over() -> bool:
                return not process.is_alive() or (await self.desk.run(run_id))["finished_at"] is not None

            await self.desk.until(is_over)
            died = process.exitcode == KILLED
        self.deaths += died
        return died

    async def finished(self, run_id: UUID) -> None:
        """Another worker takes the run when the lease is over, which is now, and finishes it."""
        over = "update platform.task_run set lease_until = clock_timestamp() where id = :id and lease_until is not null"
        await self.desk.execute(over, id=run_id)

        async def is_given_back() -> bool:
            return bool((await self.desk.run(run_id))["state"] == "queued")

        await self.desk.until(is_given_back)
        await self.desk.runner().run(run_id)
        run = await self.desk.run(run_id)
        assert run["state"] == "succeeded", dict(run)

    async def command(self, *words: str, blade: int = 0) -> int:
        """Run a command to its end, or until it dies at the point. Returns its exit code."""
        code = await run(list(words), self.platform.settings, self.log(), blade=blade)
        self.deaths += code == KILLED
        return code

    async def nothing_is_left(self) -> None:
        """After a sweep long enough after the last death everything has its name, and every schema is as it should be."""
        later = utc_now() + ABANDONED_AFTER + timedelta(minutes=1)
        await sweep_everything(replace(self.platform.copier, clock=lambda: later))
        assert await audit_everything(self.platform.copier) == []
        async with self.platform.databases.control().connect() as connection:
            whole = await connection.scalars(select(BackupRow.folder).where(BackupRow.state == "complete"))
            assert set(self.platform.copier.storage.folders()) == set(whole.all())


@pytest.fixture(scope="session")
def settings(settings: Settings, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database of its own: what is left behind is asked of the whole of it, and other tests leave things on purpose."""
    changed = {
        "database_url": new_database("faults"),
        "cell_urls": {SECOND: new_database("faults_second")},
        "namespace": f"{settings.namespace}-faults",
        "backup_storage": tmp_path_factory.mktemp("faults").as_uri(),
    }
    return settings.model_validate(settings.model_dump() | changed)


@pytest.fixture(scope="session")
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """The platform in that database, migrated, and its second cell, which is closed."""
    async with open_platform(settings, follow=False) as unfollowed:
        await migrate_platform(unfollowed.databases)
        await unfollowed.registry.load()
        await add_cell(unfollowed.databases, SECOND, address=None, group=None, actor="tests")
        await open_second(unfollowed, is_open=False)
    async with open_platform(settings) as platform:
        yield platform


async def open_second(platform: Platform, *, is_open: bool) -> None:
    """Let environments into the second cell, or no further ones."""
    async with platform.databases.control().begin() as connection:
        await set_open(connection, SECOND, is_open=is_open, actor="tests")


@pytest.fixture(scope="session")
def make_tenant(platform: Platform) -> MakeTenant:
    """Provision another tenant in it."""
    return tenants_of(platform)


@pytest.fixture
async def scene(platform: Platform, desk: Desk, broker: RedisBroker, tmp_path: Path) -> AsyncIterator[Scene]:
    """Everything but a worker."""
    later = utc_now() + ABANDONED_AFTER
    await sweep_everything(replace(platform.copier, clock=lambda: later))
    async with desk.dispatching(broker):
        yield Scene(platform, desk, tmp_path)


@dataclass
class Readers:
    """A gateway of this process, and those who read through it."""

    gateway: Gateway
    stack: AsyncExitStack

    async def read(self, environment: Environment, *, cookie: str = "") -> Reader:
        """Begin to read an environment; it ends with the test."""
        return await self.stack.enter_async_context(reading(self.gateway, environment, cookie=cookie))

    async def log_in(self, environment: Environment, user_name: str, password: str) -> str:
        """Log in to the admin portal. Returns the cookie."""
        return await logged_in(self.gateway, environment, user_name, password)


@pytest.fixture
async def readers(platform: Platform) -> AsyncIterator[Readers]:
    """Nobody reads yet."""
    gateway = create_app(platform)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(gateway))
        yield Readers(gateway, stack)
