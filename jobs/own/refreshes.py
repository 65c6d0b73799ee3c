"""Who pressed Refresh is told how it ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.mail.models import MessageKind
from jobs.own.apart import Apart
from jobs.own.telling import person_behind, production_of, tell
from tenants.copies.errors import CopyUnfinished
from tenants.copies.requests import REFRESH
from tenants.environments import State
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from jobs.context import PlatformContext

KINDS = {"complete": MessageKind.COPY_DONE, "failed": MessageKind.COPY_FAILED}

LATELY = timedelta(days=2)


async def tell_of_late_refreshes(context: PlatformContext) -> None:
    """Tell of the refreshes that ended lately and whose own run could tell nobody: it died, or people's data were away."""
    c, apart = CopyRow, Apart(context)
    ended = c.kind == REFRESH, c.state.in_(KINDS), c.finished_at > context.platform.clock() - LATELY
    async with context.platform.databases.control().connect() as connection:
        copies = (await connection.scalars(select(c.id).where(*ended).order_by(c.finished_at))).all()
    for copy_id in copies:
        with apart.each(str(copy_id)):
            await tell_of_refresh(context, copy_id)
    apart.end()


async def tell_of_refresh(context: PlatformContext, copy_id: UUID) -> None:
    """Write to whoever asked for the refresh, once it has ended. Repeated, it writes nothing.

    Staff of the platform look at their own pages.
    """
    platform = context.platform
    c = CopyRow
    wanted = select(c.environment_id, c.kind, c.state, c.carried_login_id, c.error, c.error_code).where(c.id == copy_id)
    async with platform.databases.control().connect() as connection:
        copy = (await connection.execute(wanted)).one()
    preview, site = platform.registry.by_id(copy.environment_id), production_of(platform, copy.environment_id)
    if copy.kind != REFRESH or copy.state not in KINDS or preview is None or site is None:
        return
    sites = [site, *([preview] if preview.state is State.ACTIVE else [])]
    person = await person_behind(platform, sites, copy.carried_login_id)
    if person is None:
        return
    facts: Json = {
        "host": preview.primary_host,
        "site": platform.settings.site_of(preview.primary_host),
        "reason": copy.error,
        "is_switched": copy.error_code == CopyUnfinished.code,
    }
    if await tell(platform, site, KINDS[copy.state], [person], facts, cause=f"copy {copy_id}"):
        context.runlog.info("told", "Who asked for it is told by mail.")
