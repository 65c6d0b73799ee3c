"""Those who write into an environment and read from it all the time while it is moved."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.errors import StaleEnvironment, Unavailable
from domain.users.models import User
from opscom.platform import Platform
from tenants.environments import Environment
from tests.patience import patience


@dataclass
class Crowd:
    """Writers and readers of one environment, as a gateway serves them: a stale place is looked up once."""

    platform: Platform
    environment: Environment
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reads: int = 0
    is_over: bool = False

    async def write(self, name: str) -> None:
        """Write again and again; what was acknowledged is remembered."""
        number = 0
        while not self.is_over:
            number += 1
            person = f"{name}-{number}"
            with suppress(Unavailable):
                await self._retried(lambda environment, person=person: self._added(environment, person))  # type: ignore[misc]
                self.acknowledged.append(person)
            await asyncio.sleep(0.001)

    async def read(self) -> None:
        """Read again and again; a row that was acknowledged before must be there."""
        while not self.is_over:
            expected = set(self.acknowledged)
            with suppress(Unavailable):
                found = await self._retried(self.names)
                self.reads += 1
                if missing := expected - found:
                    self.wrong.append(missing)
            await asyncio.sleep(0.001)

    async def until_more(self) -> None:
        """Wait until some more was written and read."""
        written, read = len(self.acknowledged) + 20, self.reads + 20
        async with patience():
            while len(self.acknowledged) < written or self.reads < read:  # noqa: ASYNC110 - others count
                await asyncio.sleep(0.01)

    async def _retried(self, ask: Callable[[Environment], Any]) -> Any:  # noqa: ANN401 - what it gives
        environment = current(self.platform, self.environment)
        try:
            return await ask(environment)
        except StaleEnvironment as error:
            await self.platform.registry.load()
            found = current(self.platform, self.environment)
            if found == environment:
                self.errors.append(error.code)
                raise
            return await self._told(ask, found)
        except Unavailable as error:
            self.errors.append(error.code)
            raise

    async def _told(self, ask: Callable[[Environment], Any], environment: Environment) -> Any:  # noqa: ANN401
        try:
            return await ask(environment)
        except Unavailable as error:
            self.errors.append(error.code)
            raise

    async def _added(self, environment: Environment, person: str) -> None:
        async with self.platform.databases.work(environment, Actor.system()) as work:
            work.add(person_named(person))

    async def names(self, environment: Environment) -> set[str]:
        """The names of everybody there."""
        async with self.platform.databases.snapshot(environment, Actor.system()) as snapshot:
            return set(await snapshot.scalars(select(User.user_name).where(User.user_name.is_not(None))))


def current(platform: Platform, environment: Environment) -> Environment:
    """The environment as the platform knows it now."""
    found = platform.registry.by_id(environment.id)
    assert found is not None
    return found


def person_named(name: str) -> User:
    """Somebody new."""
    return User(name=name, user_name=name, user_name_key=name, created_at=utc_now())
