"""The platform's own staff: identities of the ops host only, kept in the registry. No tenant knows them.

Their logins follow the same rules as a tenant's: opaque token, stored hashed, one access version, throttled alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy import Select, insert, select, update

from auth import cookies
from auth.asking import Caller, Entered
from auth.desk import LoggedIn
from auth.errors import LoginRefused
from auth.logins import new_token
from auth.throttle import Try
from domain.kernel.actor import PLATFORM_PERMISSIONS, Actor, ActorKind
from domain.kernel.errors import NotFound
from domain.kernel.ids import uuid7
from domain.users.errors import UserNameInvalid
from domain.users.rules import sought_key
from tenants.registry import actions as registry
from tenants.registry.models import StaffLoginRow, StaffRow

if TYPE_CHECKING:
    from auth.passwords import Passwords
    from auth.throttle import Throttle
    from domain.kernel.clock import Clock
    from tenants.databases import Databases

log = structlog.get_logger(__name__)

IDLE = timedelta(hours=1)
ABSOLUTE = timedelta(hours=12)
TOUCH_AFTER = timedelta(minutes=1)
SITE = "ops"
LONGEST_TOKEN = 64
GUEST = Actor.guest()


class StaffNotFound(NotFound):
    """There is no such member of staff."""

    code = "staff.not_found"


@dataclass(frozen=True, slots=True)
class NewStaff:
    """What an account of staff is made from."""

    user_name: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account of staff; one that is not active can not log in."""

    user_name: str
    name: str
    is_active: bool


class StaffDesk:
    """Identifies the platform's staff and logs them in and out, on the ops host."""

    def __init__(self, databases: Databases, clock: Clock, passwords: Passwords, throttle: Throttle) -> None:
        self._databases = databases
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle

    async def create(self, new: NewStaff, password: str, *, actor: str) -> UUID:
        """Make an account; ``actor`` is who did it, for the audit. Raises PasswordRefused, UserNameInvalid, Conflict."""
        key = sought_key(new.user_name)
        if not key:
            raise UserNameInvalid("A user name is 1 to 254 printable characters.")
        password_hash = await self._passwords.hash(password)
        async with self._databases.control().begin() as connection:
            return await registry.add_staff(
                connection, user_name=key, name=new.name, password_hash=password_hash, actor=actor
            )

    async def everybody(self) -> Sequence[Account]:
        """All accounts by user name."""
        wanted = select(StaffRow.user_name, StaffRow.name, StaffRow.is_active).order_by(StaffRow.user_name)
        async with self._databases.control().connect() as connection:
            return [Account(*row) for row in await connection.execute(wanted)]

    async def set_password(self, user_name: str, password: str, *, actor: str) -> None:
        """Give somebody another password; ends all their logins. Raises PasswordRefused, StaffNotFound."""
        password_hash = await self._passwords.hash(password)
        await self._change(user_name, "staff_password_set", actor=actor, password_hash=password_hash)

    async def set_active(self, user_name: str, *, is_active: bool, actor: str) -> None:
        """Let somebody log in no more and end all their logins, or let them log in again. Raises StaffNotFound."""
        action = "staff_enabled" if is_active else "staff_disabled"
        await self._change(user_name, action, actor=actor, is_active=is_active)

    async def _change(self, user_name: str, action: str, *, actor: str, **values: object) -> None:
        row = update(StaffRow).where(StaffRow.user_name == sought_key(user_name))
        changed = row.values(access_version=StaffRow.access_version + 1, **values).returning(StaffRow.id)
        async with self._databases.control().begin() as connection:
            found = (await connection.execute(changed)).scalar_one_or_none()
            if found is None:
                raise StaffNotFound("There is no such member of staff.", field="user_name")
            await registry.note(connection, actor, action, staff=str(found))

    async def identify(self, cookie_header: str) -> Actor:
        """The member of staff that a Cookie header stands for, or a guest. One statement; staff are few."""
        token = cookies.read(cookie_header, cookies.STAFF_COOKIE)
        if not token or len(token) > LONGEST_TOKEN:
            return GUEST
        now = self._clock()
        async with self._databases.control().begin() as connection:
            row = (await connection.execute(_valid(_digest(token), now))).one_or_none()
            if row is None:
                return GUEST
            if now - row.last_seen_at > TOUCH_AFTER:
                seen = update(StaffLoginRow).where(StaffLoginRow.id == row.login_id)
                await connection.execute(seen.values(last_seen_at=now))
        return _actor(row.staff_id, row.name, row.login_id)

    async def log_in(self, entered: Entered, caller: Caller) -> LoggedIn:
        """Log a member of staff in. Raises LoginRefused whatever the cause, TooManyAttempts, LoginsBusy."""
        attempt = Try(SITE, SITE, sought_key(entered.user_name), caller.address)
        await self._throttle.enter(attempt)
        wanted = select(StaffRow).where(StaffRow.user_name == sought_key(entered.user_name), StaffRow.is_active)
        async with self._databases.control().connect() as connection:
            staff = (await connection.execute(wanted)).one_or_none()
        verdict = await self._passwords.verify(entered.password, staff.password_hash if staff else None)
        if staff is None or not verdict.is_right:
            await self._note(attempt.account, "staff_login_refused", caller)
            raise LoginRefused
        await self._throttle.succeeded(attempt)
        login_id, token = await self._begin(staff.id, staff.name, staff.access_version, caller)
        lasts = int(ABSOLUTE.total_seconds())
        return LoggedIn(_actor(staff.id, staff.name, login_id), (cookies.written(cookies.STAFF_COOKIE, token, lasts),))

    async def log_out(self, actor: Actor) -> tuple[str, ...]:
        """End the login that the actor came by. Returns the Set-Cookie headers."""
        if actor.login_id is not None:
            ended = update(StaffLoginRow).where(StaffLoginRow.id == actor.login_id).values(ended_at=self._clock())
            async with self._databases.control().begin() as connection:
                await connection.execute(ended)
        return (cookies.erased(cookies.STAFF_COOKIE),)

    async def _begin(self, staff_id: UUID, name: str, access_version: int, caller: Caller) -> tuple[UUID, str]:
        login_id, token, now = uuid7(), new_token(), self._clock()
        row = insert(StaffLoginRow).values(
            id=login_id,
            token_hash=_digest(token),
            staff_id=staff_id,
            access_version=access_version,
            address=caller.address,
            user_agent=caller.agent,
            created_at=now,
            last_seen_at=now,
            expires_at=now + ABSOLUTE,
        )
        replaced = cookies.read(caller.cookies, cookies.STAFF_COOKIE)
        old = update(StaffLoginRow).where(
            StaffLoginRow.token_hash == _digest(replaced), StaffLoginRow.ended_at.is_(None)
        )
        async with self._databases.control().begin() as connection:
            await connection.execute(old.values(ended_at=now))
            await connection.execute(row)
            facts = {"staff": str(staff_id), "address": caller.address}
            await registry.note(connection, name, "staff_logged_in", **facts)
        return login_id, token

    async def _note(self, account: str, action: str, caller: Caller) -> None:
        """Who tried is noted if there is such an account; else nothing of what was typed is kept."""
        log.info(action, address=caller.address)
        known = select(StaffRow.id, StaffRow.name).where(StaffRow.user_name == account)
        async with self._databases.control().begin() as connection:
            staff = (await connection.execute(known)).one_or_none()
            facts = {"staff": str(staff.id)} if staff else {}
            await registry.note(connection, staff.name if staff else "unknown", action, address=caller.address, **facts)


def _valid(digest: bytes, now: datetime) -> Select[UUID, UUID, str, datetime]:
    login = StaffLoginRow
    return (
        select(login.id.label("login_id"), StaffRow.id.label("staff_id"), StaffRow.name, login.last_seen_at)
        .join(StaffRow, StaffRow.id == login.staff_id)
        .where(login.token_hash == digest, login.ended_at.is_(None), login.expires_at > now)
        .where(login.last_seen_at > now - IDLE, login.access_version == StaffRow.access_version, StaffRow.is_active)
    )


def _actor(staff_id: UUID, name: str, login_id: UUID) -> Actor:
    return Actor(ActorKind.PLATFORM, PLATFORM_PERMISSIONS, staff_id, None, login_id, name=name)


def _digest(token: str) -> bytes:
    return sha256(SITE.encode() + b"\0" + token.encode(errors="surrogateescape")).digest()
