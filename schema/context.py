"""What every resolver gets as ``info.context``: who asks, where, and the one way to read and to write.

Made by the gateway for each operation, and anew for each rendering of a live feed. Never shared by two operations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from auth.asking import Caller
from auth.desk import LoginDesk
from auth.staff import StaffDesk
from domain.kernel.actor import Actor
from domain.kernel.clock import Clock
from domain.kernel.errors import Conflict
from domain.kernel.snapshot import Snapshot
from domain.kernel.work import Work
from tenants.bus import Bus
from tenants.copies.copier import Copier
from tenants.databases import Databases
from tenants.environments import Environment
from tenants.provisioning import Provisioner
from tenants.registry.directory import Registry
from tenants.settings import Settings


class Transport(StrEnum):
    """How the operation came. Only an HTTP response can set a cookie."""

    HTTP = "http"
    SOCKET = "socket"
    STREAM = "stream"
    FEED = "feed"


class CookiesNeedHttp(Conflict):
    """The operation sets or ends a login, which a socket can not carry."""

    code = "cookies_need_http"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Facts of the request. ``host`` is normalised, ``origin`` is what the browser said, ``portal`` the API's name."""

    portal: str
    transport: Transport
    host: str = ""
    origin: str | None = None
    address: str = ""
    user_agent: str = ""
    cookie_header: str = field(default="", repr=False)

    @property
    def caller(self) -> Caller:
        """The far end, as the log-in desk wants it."""
        return Caller(self.address, self.user_agent, self.cookie_header)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the platform that resolvers may reach, made once for a process."""

    settings: Settings
    clock: Clock
    databases: Databases
    registry: Registry
    bus: Bus
    provisioner: Provisioner
    copier: Copier
    desk: LoginDesk
    staff: StaffDesk

    async def announce(self) -> None:
        """The registry changed, and a run may wait: other processes need not find it out by themselves, and it is known here."""
        await self.bus.nudge("registry")
        await self.bus.nudge("dispatcher")
        await self.registry.load()


@dataclass(slots=True)
class Context:
    """The context of one operation, or of one rendering of a feed (whose actor is reduced: a class of viewers).

    On the ops host there is no environment: reading ``environment`` or ``snapshot`` there is a mistake of the schema.
    """

    services: Services
    actor: Actor
    request: RequestFacts
    located: Environment | None = None
    cookies: list[str] = field(default_factory=list)
    loaded: dict[Hashable, asyncio.Future[object]] = field(default_factory=dict)
    _snapshot: Snapshot | None = None

    @property
    def environment(self) -> Environment:
        """The environment asked. Raises RuntimeError on the ops host."""
        if self.located is None:
            msg = "the control plane has no environment"
            raise RuntimeError(msg)
        return self.located

    @property
    def who(self) -> str:
        """Who acts, as the registry keeps it for people to read. Raises LoginRequired for a guest."""
        return self.actor.name or str(self.actor.subject)

    @property
    def snapshot(self) -> Snapshot:
        """The reads of this operation, all at one point in time. After ``work`` it is a new one."""
        if self._snapshot is None:
            self._snapshot = self.services.databases.snapshot(self.environment, self.actor)
        return self._snapshot

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """One write transaction: commits at the end, rolls back on an error.

        Ends the reads first, so that an operation never holds two connections and the payload is read after the change.
        """
        await self.end_reads()
        async with self.services.databases.work(self.environment, self.actor) as work:
            yield work

    def require_http(self) -> None:
        """Raise CookiesNeedHttp unless the answer can carry cookies: asked before anything is done."""
        if self.request.transport is not Transport.HTTP:
            raise CookiesNeedHttp("Log in and out over HTTP, not over a socket or a stream.")

    def set_cookie(self, header: str) -> None:
        """Send a whole ``Set-Cookie`` value with the response. Raises CookiesNeedHttp on another transport."""
        self.require_http()
        self.cookies.append(header)

    async def end_reads(self) -> None:
        """End the snapshot, if one is open, and forget what was loaded from it.

        An operation may be stopped in the middle of a load, which goes on by itself: it is waited for, since it would open
        the transaction again and keep a connection of the pool.
        """
        snapshot, self._snapshot = self._snapshot, None
        loading = [load for load in self.loaded.values() if not load.done()]
        self.loaded.clear()
        try:
            if loading:
                await asyncio.wait(loading)
        finally:
            if snapshot is not None:
                await snapshot.end()
