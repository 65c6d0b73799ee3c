"""What of production stays behind when its data go into a preview: who is logged in or tried to, links, letters, calls."""

from __future__ import annotations

from sqlalchemy import func, select, text

from auth.invitations import invitation_link
from domain.captures.actions import capture
from domain.kernel.actor import Actor
from domain.mail.actions import write
from domain.mail.models import MessageKind
from domain.users.models import User
from gateway.app import Gateway
from opscom.platform import Platform
from tenants.environments import Environment
from tests.isolation.people import LOG_IN, Person, settle_in
from tests.tenants.test_previews import _refreshed

LEFT_BEHIND = ("login", "login_attempt", "one_time_link", "message", "capture")


async def test_logins_links_letters_and_calls_of_production_are_in_no_preview(
    platform: Platform, gateway: Gateway, tenant: Environment
) -> None:
    await settle_in(platform, tenant, "ann", "Ann Admin")
    ann = Person(gateway.app, tenant.primary_host)
    await ann.log_in("ann")
    await ann.ask(LOG_IN, i={"userName": "nobody", "password": "a wrong password"})
    async with platform.databases.work(tenant, Actor.system()) as work:
        (user_id,) = await work.scalars(select(User.id))
        await write(work, MessageKind.INVITATION, user_id, {"by": "Ann", "user_name": "ann"})
        invitation_link(work, user_id, "https://example.org")
        await capture(work, "mistall", "lots", "https://vendor.example/lots")

    preview = await _refreshed(platform, tenant)

    there = {table: await _rows(platform, tenant, table) for table in LEFT_BEHIND}
    here = {table: await _rows(platform, preview, table) for table in LEFT_BEHIND}
    assert [table for table in LEFT_BEHIND if not there[table]] == []
    assert [table for table in LEFT_BEHIND if here[table]] == []


async def _rows(platform: Platform, environment: Environment, table: str) -> int | None:
    async with platform.databases.work(environment, Actor.system()) as work:
        return await work.scalar(select(func.count()).select_from(text(table)))
