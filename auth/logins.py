"""Logins as rows: how they begin, which are valid, and how they end. Who may have one is decided in ``admission``."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auth.asking import Caller
from auth.events import LoggedOut
from auth.models import LoginRow, LoginSourceRow, Portal, SourceState
from domain.kernel.actor import Permission
from domain.kernel.errors import NotFound
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.users.models import Role, User, UserRole

TOUCH_AFTER = timedelta(minutes=1)
"""``last_seen_at`` is written at most this often."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a login lasts without being used, and at all."""

    idle: timedelta
    absolute: timedelta


LIFETIMES: Mapping[Portal, Lifetime] = MappingProxyType(
    {
        Portal.USER: Lifetime(timedelta(days=7), timedelta(days=30)),
        Portal.ADMIN: Lifetime(timedelta(hours=4), timedelta(hours=24)),
    }
)


class LoginNotFound(NotFound):
    """There is no such login, it ended already, or it is somebody else's."""

    code = "login.not_found"

    def __init__(self) -> None:
        """Names no field."""
        super().__init__("There is no such login.")


def new_token() -> str:
    """256 random bits, as they stand in the cookie."""
    return secrets.token_urlsafe(32)


def token_hash(environment_id: UUID, token: str) -> bytes:
    """What is stored of a token. It is bound to its environment: in a copy of the data it is another login's, nobody's."""
    return sha256(environment_id.bytes + token.encode(errors="surrogateescape")).digest()


def begin(work: Work, user: User, source_id: UUID, portal: Portal, caller: Caller) -> tuple[UUID, str]:
    """Write a new login; returns its id and its token. Does *not* check that the user may log in."""
    token, lifetime = new_token(), LIFETIMES[portal]
    row = LoginRow(
        id=uuid7(),
        token_hash=token_hash(work.environment_id, token),
        user_id=user.id,
        source_id=source_id,
        portal=portal,
        access_version=user.access_version,
        created_at=work.now,
        last_seen_at=work.now,
        idle_seconds=int(lifetime.idle.total_seconds()),
        expires_at=work.now + lifetime.absolute,
        address=caller.address,
        user_agent=caller.agent,
    )
    work.add(row)
    return row.id, token


def is_valid(now: datetime) -> ColumnElement[bool]:
    """The condition of a valid login, over the rows of login, its user and its source."""
    idle_until = LoginRow.last_seen_at + func.make_interval(0, 0, 0, 0, 0, 0, LoginRow.idle_seconds)
    return (
        LoginRow.ended_at.is_(None)
        & (LoginRow.expires_at > now)
        & (idle_until > now)
        & (LoginRow.access_version == User.access_version)
        & User.is_disabled.is_(False)
        & User.archived_at.is_(None)
        & (LoginSourceRow.state == SourceState.ACTIVE)
    )


def valid_login(digest: bytes, portal: Portal, now: datetime) -> Select[LoginRow, User, list[str]]:
    """The valid login of this token hash, with its user and the names of all permissions of the user's roles."""
    return (
        select(LoginRow, User, permissions_of_user())
        .join(User, User.id == LoginRow.user_id)
        .join(LoginSourceRow, LoginSourceRow.id == LoginRow.source_id)
        .where(LoginRow.token_hash == digest, LoginRow.portal == portal, is_valid(now))
    )


def valid_logins(login_ids: Collection[UUID], now: datetime) -> Select[LoginRow, User, list[str]]:
    """Those of the logins that are valid, whatever portal they are for, with user and permissions as above.

    They are one parameter, so that the statement is the same for any number of them.
    """
    return (
        select(LoginRow, User, permissions_of_user())
        .join(User, User.id == LoginRow.user_id)
        .join(LoginSourceRow, LoginSourceRow.id == LoginRow.source_id)
        .where(LoginRow.id == any_(literal(list(login_ids), ARRAY(Uuid))), is_valid(now))
    )


def permissions_of_user() -> ColumnElement[list[str]]:
    """The names of all permissions that the roles of the row's user grant, as an array."""
    held = select(func.unnest(Role.permissions)).select_from(UserRole).join(Role, Role.id == UserRole.role_id)
    mine = held.where(UserRole.user_id == User.id).correlate(User).scalar_subquery()
    return func.array(mine, type_=ARRAY(Text))


async def end(work: Work, login_id: UUID) -> None:
    """End one of the actor's own logins; with MANAGE_USERS anybody's. Raises LoginNotFound."""
    wanted = select(LoginRow).where(LoginRow.id == login_id, LoginRow.ended_at.is_(None)).with_for_update()
    row = await work.scalar(wanted)
    if row is None or (row.user_id != work.actor.subject and not work.actor.may(Permission.MANAGE_USERS)):
        raise LoginNotFound
    row.ended_at, row.ended_by = work.now, "owner" if row.user_id == work.actor.user_id else "staff"
    work.record(LoggedOut(login_id))


async def replace(work: Work, digest: bytes) -> None:
    """End the login that a browser had before its new one; what it watches elsewhere ends with it."""
    row = update(LoginRow).where(LoginRow.token_hash == digest, LoginRow.ended_at.is_(None))
    ended = row.values(ended_at=work.now, ended_by="new_login").returning(LoginRow.id)
    for (login_id,) in await work.rows(ended):
        work.record(LoggedOut(login_id))


async def touch(work: Work, login_id: UUID) -> None:
    """Note that a login was used now."""
    await work.execute(update(LoginRow).where(LoginRow.id == login_id).values(last_seen_at=work.now))
