"""The log-in desk of a process: what the transports and the APIs call to identify, to log in and to log out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from auth import cookies, device, logins
from auth.admission import Admitted, Wish, admit
from auth.asking import Caller, Entered
from auth.entry import known_by
from auth.errors import LoginRefused, LoginsBusy
from auth.identify import Identities
from auth.invitations import accept, invited_by
from auth.models import LinkPurpose, Portal
from auth.onetime import LinkRefused, use_link
from auth.passwords import Passwords
from auth.proof import Proof, Reason, Source
from auth.sources import Unknown, active_source, login_sources
from auth.throttle import Throttle, Try
from domain.kernel.actor import Actor
from domain.users.rules import sought_key
from tenants.environments import EnvironmentGroup, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from domain.kernel.clock import Clock
    from domain.kernel.snapshot import Snapshot
    from tenants.bus import Bus
    from tenants.databases import Databases
    from tenants.environments import Environment

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that just began: who it is, and the Set-Cookie headers that carry it."""

    actor: Actor
    set_cookies: tuple[str, ...] = field(repr=False)


class LoginDesk:
    """Identifies callers and logs them in and out. One for each process; ``close`` it."""

    def __init__(
        self,
        databases: Databases,
        bus: Bus,
        clock: Clock,
        *,
        passwords: Passwords | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._databases = databases
        self.passwords = passwords or Passwords()
        self.throttle = throttle or Throttle(bus.redis, databases.settings.namespace)
        self.identities = Identities(databases, bus, clock)
        self._sources = login_sources(self.passwords)

    async def identify(self, environment: Environment, portal: Portal, cookie_header: str) -> Actor:
        """The actor that a Cookie header stands for in this portal; a guest if it stands for nobody."""
        return await self.identities.identify(environment, portal, cookie_header)

    async def behind(self, environment: Environment, login_ids: frozenset[UUID]) -> Mapping[UUID, Actor]:
        """Who stands behind these logins now; a login that is over is missing."""
        return await self.identities.behind(environment, login_ids)

    async def log_in(self, environment: Environment, portal: Portal, entered: Entered, caller: Caller) -> LoggedIn:
        """Log somebody in. A browser that was logged in before gets a new login, and its old one ends.

        Raises LoginRefused whatever the cause, TooManyAttempts, LoginsBusy. Must not be called while a Snapshot of the
        same operation is open: it opens its own.
        """
        attempt = self._try(environment, entered, caller)
        await self.throttle.enter(attempt)
        source, proof = await self._prove(environment, entered)
        wish = _wish(environment, portal, _code(entered.source), caller)
        async with self._databases.work(environment, Actor.system("logins")) as work:
            admitted = await admit(work, wish, source, proof)
        if admitted.actor is None:
            log.info("login_refused", reason=admitted.reason, site=environment.primary_host)
            raise LoginRefused
        await self.throttle.succeeded(attempt)
        return LoggedIn(admitted.actor, self._set_cookies(environment, portal, admitted, attempt.account))

    async def enter(self, environment: Environment, token: str, caller: Caller) -> LoggedIn:
        """Log in to the admin portal the person whom a link from production is for. The same rules as for any login hold.

        Raises LinkRefused, LoginRefused, TooManyAttempts.
        """
        attempt = await self._try_link(environment, LinkPurpose.ENTRY, token, caller)
        wish = _wish(environment, Portal.ADMIN, LinkPurpose.ENTRY, caller)
        async with self._databases.work(environment, Actor.system("logins")) as work:
            user_id = await use_link(work, LinkPurpose.ENTRY, token)
            admitted = await admit(work, wish, *await known_by(work, user_id))
        if admitted.actor is None:
            log.info("login_refused", reason=admitted.reason, site=environment.primary_host)
            raise LoginRefused
        await self.throttle.succeeded(attempt)
        return LoggedIn(admitted.actor, self._set_cookies(environment, Portal.ADMIN, admitted, admitted.account))

    async def accept_invitation(self, environment: Environment, token: str, password: str, caller: Caller) -> bool:
        """Let the person whom an invitation is for choose a password. Returns whether they are staff.

        Raises LinkRefused, PasswordRefused, TooManyAttempts, LoginsBusy.
        """
        attempt = await self._try_link(environment, LinkPurpose.INVITATION, token, caller)
        async with self._databases.snapshot(environment, Actor.guest()) as snapshot:
            invited = await invited_by(snapshot, environment.id, token)
        hashed = await self.passwords.hash(password)
        async with self._databases.work(environment, invited.actor) as work:
            await accept(work, token, hashed)
        await self.throttle.succeeded(attempt)
        return invited.is_staff

    async def log_out(self, environment: Environment, portal: Portal, actor: Actor) -> tuple[str, ...]:
        """End the login that the actor came by; nothing happens to a guest. Returns the Set-Cookie headers."""
        if actor.login_id is not None:
            async with self._databases.work(environment, actor) as work:
                await logins.end(work, actor.login_id)
            self.identities.forget(environment.id)
        return (cookies.erased(cookies.PORTAL_COOKIES[portal]),)

    async def close(self) -> None:
        """Finish what is being written, and end the threads."""
        await self.identities.close()
        self.passwords.close()

    def _try(self, environment: Environment, entered: Entered, caller: Caller) -> Try:
        account = sought_key(entered.user_name)  # what is nobody's name shares one count
        cookie = cookies.read(caller.cookies, cookies.DEVICE_COOKIE)
        known = device.known(self._databases.vault(environment), cookie, environment.id, account)
        return Try(environment.id.hex, _code(entered.source), account, caller.address, known)

    async def _try_link(self, environment: Environment, purpose: LinkPurpose, token: str, caller: Caller) -> Try:
        """Count a try to use a link. A site that is not active refuses it, and it is good once the site is back."""
        attempt = Try(environment.id.hex, purpose, token, caller.address)
        await self.throttle.enter(attempt)
        if environment.state is not State.ACTIVE:
            raise LinkRefused
        return attempt

    async def _prove(self, environment: Environment, entered: Entered) -> tuple[Source | None, Proof]:
        def read() -> Snapshot:
            return self._databases.snapshot(environment, Actor.system("logins"))

        snapshot = read()
        try:
            row = await snapshot.scalar(active_source(_code(entered.source)))
        finally:
            await snapshot.end()
        if row is None or row.kind not in self._sources or environment.state is not State.ACTIVE:
            unknown = Source(environment.id, "", "")
            return None, await Unknown(self.passwords).prove(read, unknown, entered)
        source = Source(row.id, row.code, row.kind)
        try:
            return source, await self._sources[row.kind].prove(read, source, entered)
        except LoginsBusy:
            raise
        except Exception:  # a source talks to strangers; whatever goes wrong there lets nobody in
            log.exception("login_source_failed", source=row.code, site=environment.primary_host)
            return source, Proof(Reason.SOURCE_FAILED)

    def _set_cookies(
        self, environment: Environment, portal: Portal, admitted: Admitted, account: str
    ) -> tuple[str, ...]:
        lasts = int(logins.LIFETIMES[portal].absolute.total_seconds())
        known = device.sealed(self._databases.vault(environment), environment.id, account)
        return (
            cookies.written(cookies.PORTAL_COOKIES[portal], admitted.token, lasts),
            cookies.written(cookies.DEVICE_COOKIE, known, device.MAX_AGE_S),
        )


def _code(source: str) -> str:
    """The code of a login source as it may be asked for and stored."""
    return source if source.isascii() and source.isidentifier() and len(source) <= 64 else "?"  # noqa: PLR2004


def _wish(environment: Environment, portal: Portal, source: str, caller: Caller) -> Wish:
    is_guarded = environment.kind.group is EnvironmentGroup.TEST
    return Wish(portal, source, caller, _replaced(environment, portal, caller), is_guarded)


def _replaced(environment: Environment, portal: Portal, caller: Caller) -> bytes | None:
    token = cookies.read(caller.cookies, cookies.PORTAL_COOKIES[portal])
    return logins.token_hash(environment.id, token) if token else None
