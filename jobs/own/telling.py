"""Telling people what the platform did or is about to do: messages in the mail of their tenant's production."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from auth.models import LoginRow
from domain.kernel.actor import Actor, Permission
from domain.mail.actions import write
from domain.users.models import User
from domain.users.queries import users_who_may
from tenants.environments import EnvironmentKind, State

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from domain.kernel.model import Json
    from domain.mail.models import MessageKind
    from jobs.platform import Platform
    from tenants.environments import Environment

ACTOR = Actor.system("platform")
RECENTLY = timedelta(days=30)


def production_of(platform: Platform, environment_id: UUID) -> Environment | None:
    """The production of the tenant whose environment this is, if it is active."""
    for one in platform.registry.siblings(environment_id):
        if one.kind is EnvironmentKind.PRODUCTION and one.state is State.ACTIVE:
            return one
    return None


async def tell(
    platform: Platform, site: Environment, kind: MessageKind, people: Collection[UUID], facts: Json, *, cause: str
) -> int:
    """Write to those of the people who can log in to this production and have an address. Repeated, it writes nothing.

    Returns how many messages it wrote.
    """
    can_log_in = User.archived_at.is_(None), User.is_disabled.is_(False)
    who = User.id.in_(people), *can_log_in, User.email.is_not(None)
    async with platform.databases.work(site, ACTOR) as work:
        known = await work.scalars(select(User.id).where(*who))
        written = [await write(work, kind, user_id, facts, cause=f"{cause} {user_id}") for user_id in known]
    return sum(one is not None for one in written)


def day(moment: datetime, site: Environment) -> str:
    """The date of a moment where the tenant is."""
    return f"{moment.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d}"


async def who_may(platform: Platform, site: Environment, permission: Permission) -> set[UUID]:
    """The people of a site with a permission."""
    async with platform.databases.snapshot(site, ACTOR) as snapshot:
        return {user.id for user in await snapshot.scalars(users_who_may(permission))}


async def recent_users(platform: Platform, site: Environment) -> set[UUID]:
    """Who was logged in there within thirty days."""
    async with platform.databases.snapshot(site, ACTOR) as snapshot:
        seen = select(LoginRow.user_id).where(LoginRow.last_seen_at > snapshot.now - RECENTLY)
        return set(await snapshot.scalars(seen))


async def person_behind(platform: Platform, sites: Collection[Environment], login_id: UUID | None) -> UUID | None:
    """Whose login this is, or was: whoever pressed a button, in one of these environments."""
    for site in sites if login_id is not None else ():
        async with platform.databases.snapshot(site, ACTOR) as snapshot:
            found = await snapshot.scalar(select(LoginRow.user_id).where(LoginRow.id == login_id))
        if found is not None:
            return found
    return None
