"""Who is asking: from the cookie to the actor, remembered for ten seconds, forgotten at once on a note.

A request without a cookie costs no query.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from auth import logins
from auth.cookies import PORTAL_COOKIES, read
from auth.models import LoginRow, Portal
from auth.roles import granted, is_staff
from domain.kernel.actor import Actor, ActorKind
from domain.kernel.errors import ParkingError
from domain.users.events import ACCESS
from domain.users.models import User
from tenants.environments import State

if TYPE_CHECKING:
    from uuid import UUID

    from domain.kernel.clock import Clock
    from tenants.bus import Bus
    from tenants.databases import Databases
    from tenants.environments import Environment

log = structlog.get_logger(__name__)

GUEST = Actor.guest()
REMEMBERED = timedelta(seconds=10)
MOST_REMEMBERED = 50_000
MOST_TOUCHES = 64
LONGEST_TOKEN = 64


@dataclass(frozen=True, slots=True)
class _Remembered:
    actor: Actor
    until: datetime
    generation: int


class Identities:
    """Finds actors by cookie. One for each process."""

    def __init__(self, databases: Databases, bus: Bus, clock: Clock) -> None:
        self._databases = databases
        self._bus = bus
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        # Rises with every note about access; whatever was looked up before counts no more.
        self._generations: defaultdict[UUID, int] = defaultdict(int)
        self._followed: set[UUID] = set()
        self._touches: dict[UUID, asyncio.Task[None]] = {}
        bus.on_reconnect(self._remembered.clear)

    async def identify(self, environment: Environment, portal: Portal, cookies: str) -> Actor:
        """The actor that a Cookie header stands for; a guest if it stands for nobody, or the site is closed."""
        token = read(cookies, PORTAL_COOKIES[portal])
        if not token or len(token) > LONGEST_TOKEN or environment.state is not State.ACTIVE:
            return GUEST
        digest = logins.token_hash(environment.id, token)
        self._follow(environment.id)
        generation, now = self._generations[environment.id], self._clock()
        key = digest + portal.encode() + environment.schema.encode()  # another copy of the data knows other logins
        known = self._remembered.get(key)
        if known is not None and known.generation == generation and now < known.until:
            return known.actor
        actor = await self._look_up(environment, portal, digest)
        self._remember(key, _Remembered(actor, now + REMEMBERED, generation))
        return actor

    async def behind(self, environment: Environment, login_ids: frozenset[UUID]) -> Mapping[UUID, Actor]:
        """Who stands behind these logins now, in one statement; a login that is over is missing."""
        if environment.state is not State.ACTIVE:
            return {}
        snapshot = self._databases.snapshot(environment, GUEST)
        try:
            rows = await snapshot.rows(logins.valid_logins(login_ids, snapshot.now))
        finally:
            await snapshot.end()
        found = {login.id: actor_of(login, user, permissions) for login, user, permissions in rows}
        return {login_id: actor for login_id, actor in found.items() if actor != GUEST}

    def forget(self, environment_id: UUID) -> None:
        """Look everybody of an environment up again."""
        self._generations[environment_id] += 1

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._touches.values(), return_exceptions=True)

    async def _look_up(self, environment: Environment, portal: Portal, digest: bytes) -> Actor:
        snapshot = self._databases.snapshot(environment, GUEST)
        try:
            rows = await snapshot.rows(logins.valid_login(digest, portal, snapshot.now))
        finally:
            await snapshot.end()
        if not rows:
            return GUEST
        login, user, permissions = rows[0]
        if snapshot.now - login.last_seen_at > logins.TOUCH_AFTER:
            self._touch(environment, login.id)
        return actor_of(login, user, permissions)

    def _touch(self, environment: Environment, login_id: UUID) -> None:
        """Note outside the request that the login was used; under a flood it is noted by the next one."""
        if login_id in self._touches or len(self._touches) >= MOST_TOUCHES:
            return
        task = asyncio.get_running_loop().create_task(self._write_touch(environment, login_id))
        self._touches[login_id] = task
        task.add_done_callback(lambda _task: self._touches.pop(login_id, None))

    async def _write_touch(self, environment: Environment, login_id: UUID) -> None:
        try:
            async with self._databases.work(environment, Actor.system("logins")) as work:
                await logins.touch(work, login_id)
        except (SQLAlchemyError, OSError, TimeoutError, ParkingError) as error:
            log.warning("last_seen_not_written", error=repr(error))

    def _remember(self, key: bytes, entry: _Remembered) -> None:
        self._remembered[key] = entry
        self._remembered.move_to_end(key)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _follow(self, environment_id: UUID) -> None:
        if environment_id not in self._followed:
            self._followed.add(environment_id)
            self._bus.follow(environment_id, partial(self._noted, environment_id))

    def _noted(self, environment_id: UUID, topics: frozenset[str]) -> None:
        if topics & ACCESS:
            self.forget(environment_id)


def actor_of(login: LoginRow, user: User, permission_names: list[str]) -> Actor:
    """The actor of a valid login. In the user portal nobody is staff; in the admin portal nobody else gets in."""
    permissions = granted(permission_names)
    if login.portal == Portal.USER:
        return Actor(ActorKind.USER, frozenset(), user.id, user.user_type_id, login.id, name=user.name)
    if not is_staff(permissions):
        return GUEST
    return Actor(ActorKind.STAFF, permissions, user.id, user.user_type_id, login.id, name=user.name)
