"""The platform's task that warns of unused previews and deletes them, and reminds of locks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.kernel.actor import Permission
from domain.mail.models import MessageKind
from jobs.own.apart import Apart
from jobs.own.telling import person_behind, production_of, recent_users, tell, who_may
from tenants.copies.ending import is_copied_into
from tenants.copies.requests import REFRESH
from tenants.environments import State
from tenants.lifecycle.deleting import delete_environment
from tenants.previews.expiring import aging, half_deleted, mark_warned, use_of
from tenants.previews.queries import lock_history
from tenants.previews.rules import WARNED_BEFORE, is_over, is_to_be_warned
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.kernel.model import Json
    from jobs.context import PlatformContext
    from jobs.platform import Platform
    from tenants.environments import Environment
    from tenants.previews.expiring import Aging

ACTOR = "preview expiry"


async def expire_previews(context: PlatformContext) -> None:
    """Delete the previews whose time is over, and those half deleted already; warn the people of those that end within a day.

    None is deleted that was not announced a day before, and none of a client that is suspended.
    """
    copier, apart = context.platform.copier, Apart(context)
    await copier.registry.load()
    for environment in await half_deleted(copier):
        with apart.each(environment.schema):
            await delete_environment(copier, environment.id, actor=ACTOR, reason="its deletion was interrupted")
            context.counters.updated += 1
    over, warned = await aging(copier, copier.clock(), apart.each)
    for one in (*over, *warned):
        if one.environment.state is not State.SUSPENDED:  # nobody could log in to keep it
            with apart.each(one.environment.primary_host):
                await _look_after(context, one)
    apart.end()


async def _look_after(context: PlatformContext, one: Aging) -> None:
    now = context.platform.clock()
    if is_over(one.use, now) and _is_announced(one, now):
        await _delete(context, one.environment)
    elif is_to_be_warned(one.use, one.warned_at, now):
        people = await _warn(context.platform, one, now)
        await mark_warned(context.platform.copier, one.environment.id, now)
        words = "The people of a preview were warned."
        context.runlog.info("preview_warned", words, name=one.environment.primary_host, count=people)


def _is_announced(one: Aging, now: datetime) -> bool:
    """Whether people have known of this end for a day: not after an outage or a suspension. A date of the staff's stands."""
    if one.use.expires_at is not None or one.ends_at is None:
        return True
    return one.warned_at is not None and one.ends_at - WARNED_BEFORE <= one.warned_at <= now - WARNED_BEFORE


async def _delete(context: PlatformContext, preview: Environment) -> None:
    """Delete a preview, unless somebody came, locked or refreshed it while others were deleted."""
    copier = context.platform.copier
    async with copier.databases.control().connect() as connection:
        is_busy = await is_copied_into(connection, preview.id)
    if is_busy or not is_over(await use_of(copier, preview), copier.clock()):
        return
    await delete_environment(copier, preview.id, actor=ACTOR, reason="nobody used it")
    context.counters.updated += 1
    words = "A preview that nobody used was deleted."
    context.runlog.info("preview_deleted", words, name=preview.primary_host)


async def _warn(platform: Platform, one: Aging, now: datetime) -> int:
    """Write of the end to who uses the preview, of a lock to who holds it. Returns to how many."""
    preview, site = one.environment, production_of(platform, one.environment.id)
    if site is None:
        return 0
    facts: Json = {"host": preview.primary_host, "site": platform.settings.site_of(preview.primary_host)}
    if one.ends_at is None:
        return await _remind(platform, preview, site, facts, now)
    is_dated = one.use.expires_at is not None
    ends_at = one.ends_at if is_dated else max(one.ends_at, now + WARNED_BEFORE)
    facts |= {"ends_at": _in_words(ends_at, site), "is_dated": is_dated}
    people = await _people(platform, preview, site)
    cause = f"preview {preview.id} ends {one.ends_at.isoformat()}"
    return await tell(platform, site, MessageKind.PREVIEW_ENDS, people, facts, cause=cause)


async def _remind(platform: Platform, preview: Environment, site: Environment, facts: Json, now: datetime) -> int:
    lock = next(iter(await lock_history(platform.databases, preview.id)), None)
    if lock is None or lock.actor_user_id is None:
        return 0
    facts |= {"since": _in_words(lock.at, site), "reason": lock.reason}
    cause = f"preview {preview.id} locked {lock.at.isoformat()} {now.date()}"
    return await tell(platform, site, MessageKind.PREVIEW_LOCKED, [lock.actor_user_id], facts, cause=cause)


async def _people(platform: Platform, preview: Environment, site: Environment) -> set[UUID]:
    """Who was logged in there lately, and who refreshed it last; if that is nobody, who may refresh it."""
    people = await recent_users(platform, preview)
    refreshed = select(CopyRow.carried_login_id).where(CopyRow.environment_id == preview.id, CopyRow.kind == REFRESH)
    async with platform.databases.control().connect() as connection:
        login_id = await connection.scalar(refreshed.order_by(CopyRow.id.desc()).limit(1))
    presser = await person_behind(platform, [site, preview], login_id)
    people |= {presser} if presser is not None else set()
    return people or await who_may(platform, site, Permission.MANAGE_PREVIEWS)


def _in_words(moment: datetime, site: Environment) -> str:
    return f"{moment.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d %H:%M} ({site.time_zone})"
