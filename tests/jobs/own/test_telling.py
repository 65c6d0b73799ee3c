"""People are told: how a refresh ended, that a preview is about to go, that a lock is still held. Once, and by mail."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from typing_extensions import override

from auth.accounts import NewAccount, create_account
from auth.asking import Caller
from auth.logins import begin
from auth.models import LoginSourceRow, Portal
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import Actor
from domain.kernel.work import Work
from domain.mail.models import Message, MessageKind
from domain.users.models import User
from opscom.platform import Platform
from schema.copies import shown_copy
from tenants.backups.actions import back_up
from tenants.copies.dropping import unnamed_schemas
from tenants.copies.storage import CopyDamaged, Storage
from tenants.environments import Environment, State
from tenants.lifecycle.actions import set_state
from tenants.platform_tasks import COPY, EXPIRE_PREVIEWS, SWEEP, ledger_name
from tenants.previews.actions import Who, refresh, set_expiry, set_lock
from tenants.previews.queries import last_copy
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.patience import GLANCE_S
from tests.tenants.test_backups import _place, _row
from tests.tenants.test_previews import _refreshed

STAFF = Who("support", is_platform=True)


class _Endless(Storage):
    """A place that takes for ever to give what lies there."""

    @override
    def read(self, path: str, sha256: str, identity: str, write: Callable[[bytes], object]) -> None:
        while write(b"") is None:
            time.sleep(GLANCE_S)


async def person(platform: Platform, environment: Environment, name: str, role: str | None = ADMINISTRATOR) -> UUID:
    """A person of a tenant, with an address."""
    address = f"{name}@x.example"
    async with platform.databases.work(environment, Actor.system()) as work:
        return await create_account(work, NewAccount(address, name.title(), address, role=role), "no hash")


async def login_of(platform: Platform, environment: Environment, user_id: UUID) -> UUID:
    """A login of the person there."""
    async with platform.databases.work(environment, Actor.system()) as work:
        (user,) = await work.scalars(select(User).where(User.id == user_id))
        source = (await work.scalars(select(LoginSourceRow.id)))[0]
        return begin(work, user, source, Portal.ADMIN, Caller())[0]


async def told(platform: Platform, environment: Environment) -> list[tuple[str, UUID, dict[str, Any]]]:
    """The messages of an environment: kind, person, facts."""
    async with platform.databases.snapshot(environment, Actor.system()) as snapshot:
        found = await snapshot.scalars(select(Message).order_by(Message.id))
    return [(one.kind, one.user_id, one.facts) for one in found]


async def carried_out(desk: Desk, platform: Platform, tenant: Environment, who: Who) -> UUID:
    """Press Refresh, and let a worker do it. Returns the run."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor=who.name)
    await refresh(platform.databases, tenant.tenant.id, backup_id, who)
    run = (await desk.rows("select id from platform.task_run where task = :task order by id desc", task=COPY.name))[0]
    await desk.runner().run(run["id"])
    return UUID(str(run["id"]))


async def looked_after(desk: Desk, platform: Platform) -> None:
    """The hourly look at all previews."""
    (run_id,) = await desk.queue(ledger_name(platform.databases.database_name("")), EXPIRE_PREVIEWS.name)
    await desk.runner().run(run_id)
    run = await desk.run(run_id)
    assert run["state"] == "succeeded", run["error_message"]


async def test_who_pressed_refresh_is_told_once_that_it_is_done(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    ann = await person(platform, tenant, "ann")
    await person(platform, tenant, "ben")
    who = Who("Ann", ann, await login_of(platform, tenant, ann))

    run_id = await carried_out(desk, platform, tenant, who)
    await desk.execute("update platform.task_run set state = 'queued', not_before = now() where id = :id", id=run_id)
    await desk.runner().run(run_id)

    ((kind, to, facts),) = await told(platform, tenant)
    assert (kind, to) == (MessageKind.COPY_DONE, ann)
    assert facts["host"] == f"{tenant.tenant.slug}.preview.ops-com.localhost"


async def test_who_pressed_it_in_the_preview_is_told_by_production(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    ann = await person(platform, tenant, "ann")
    preview = await _refreshed(platform, tenant)
    who = Who("Ann", ann, await login_of(platform, preview, ann))

    await carried_out(desk, platform, tenant, who)

    assert [(kind, to) for kind, to, _ in await told(platform, tenant)] == [(MessageKind.COPY_DONE, ann)]
    again = platform.registry.by_id(preview.id)
    assert again is not None
    assert await told(platform, again) == []


async def test_a_refresh_that_fails_is_told_with_its_reason(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    ann = await person(platform, tenant, "ann")
    who = Who("Ann", ann, await login_of(platform, tenant, ann))
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    await refresh(platform.databases, tenant.tenant.id, backup_id, who)
    (_place(platform) / (await _row(platform, backup_id)).folder / "app_user.copy.zst.age").unlink()
    (run,) = await desk.rows("select id from platform.task_run where task = :task", task=COPY.name)

    await desk.runner().run(run["id"])

    ((kind, to, facts),) = await told(platform, tenant)
    assert (kind, to) == (MessageKind.COPY_FAILED, ann)
    assert facts["reason"]


async def test_of_a_refresh_that_fails_after_the_switch_it_is_told_that_the_new_data_serve(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """The page and the letter said that the old data are as they were."""
    before = await _refreshed(platform, tenant)
    ann = await person(platform, tenant, "ann")

    async def breaks_off(_work: Work, _environment: Environment) -> None:
        raise CopyDamaged("A test.")

    desk.platform = replace(platform, provisioner=replace(platform.provisioner, furnish=breaks_off))
    await carried_out(desk, platform, tenant, Who("Ann", ann, await login_of(platform, tenant, ann)))

    assert (await platform.registry.known(before.id)).schema != before.schema
    shown = shown_copy(await last_copy(platform.databases, before.id))
    assert shown is not None
    assert (shown.state, shown.error_code) == ("failed", "copy.unfinished")
    assert shown.message.startswith("The new data are there")
    ((kind, _, facts),) = await told(platform, tenant)
    assert (kind, facts["reason"], facts["is_switched"]) == (MessageKind.COPY_FAILED, "A test.", True)


async def test_a_refresh_that_takes_too_long_ends_with_its_run_and_is_told_at_once(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """It stood there as running, and kept others out, until the nightly sweep or the next one who pressed the button."""
    ann = await person(platform, tenant, "ann")
    who = Who("Ann", ann, await login_of(platform, tenant, ann))
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, who)
    (run,) = await desk.rows("select id from platform.task_run where task = :task", task=COPY.name)
    endless = replace(platform.copier, storage=_Endless(platform.settings.backup_storage))
    desk.platform = replace(platform, copier=endless)
    desk.catalogue[COPY.name] = replace(COPY, time_limit=timedelta(seconds=4))

    await desk.runner().run(run["id"])

    ended = await desk.run(run["id"])
    assert (ended["state"], ended["error_class"]) == ("failed", "time_limit")
    async with platform.databases.control().connect() as connection:
        copied = select(CopyRow.state, CopyRow.error_code, CopyRow.step, CopyRow.to_schema).where(CopyRow.id == copy_id)
        *ends, schema = (await connection.execute(copied)).one()
        assert ends == ["failed", "copy.ended", "failed"]
    ((kind, to, facts),) = await told(platform, tenant)
    assert (kind, to, facts["reason"]) == (MessageKind.COPY_FAILED, ann, "It took longer than a copy may.")
    assert schema is not None
    assert schema not in await unnamed_schemas(platform.databases, "main")


async def test_of_a_refresh_whose_worker_died_for_good_the_nightly_sweep_tells_once(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """The sweep ended the copy, and who pressed the button waited for ever."""
    ann = await person(platform, tenant, "ann")
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    who = Who("Ann", ann, await login_of(platform, tenant, ann))
    await refresh(platform.databases, tenant.tenant.id, backup_id, who)
    await desk.execute("update platform.task_run set state = 'failed' where task = :task", task=COPY.name)

    runs = await desk.queue(ledger_name(platform.databases.database_name("")), SWEEP.name, 2)
    for run_id in runs:
        await desk.runner().run(run_id)

    assert [(kind, to) for kind, to, _ in await told(platform, tenant)] == [(MessageKind.COPY_FAILED, ann)]
    assert ["told" in {line["code"] for line in await desk.lines(run_id)} for run_id in runs] == [True, False]


async def test_nobody_of_the_tenant_is_told_of_what_the_platforms_staff_did(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    await person(platform, tenant, "ann")

    await carried_out(desk, platform, tenant, STAFF)

    assert await told(platform, tenant) == []


async def test_a_day_before_its_end_a_preview_is_announced_to_who_used_it(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    await person(platform, tenant, "ann")
    sam = await person(platform, tenant, "sam", role=None)
    preview = await _refreshed(platform, tenant)
    await login_of(platform, preview, sam)
    ends = platform.clock() + timedelta(hours=20)
    await set_expiry(platform.databases, preview.id, ends, STAFF)

    for _ in range(2):
        await looked_after(desk, platform)

    ((kind, to, facts),) = await told(platform, tenant)
    assert (kind, to) == (MessageKind.PREVIEW_ENDS, sam)
    assert facts["host"] == preview.primary_host
    assert facts["ends_at"].endswith("(America/Toronto)")
    assert facts["is_dated"]


async def test_a_preview_that_nobody_used_is_announced_to_who_may_refresh_it(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    ann = await person(platform, tenant, "ann")
    await person(platform, tenant, "sam", role=None)
    preview = await _refreshed(platform, tenant)
    await set_expiry(platform.databases, preview.id, platform.clock() + timedelta(hours=20), STAFF)

    await looked_after(desk, platform)

    assert [to for _, to, _ in await told(platform, tenant)] == [ann]


@pytest.mark.parametrize(("passed", "number"), [(timedelta(days=6), 1), (timedelta(days=7), 2)])
async def test_who_holds_a_lock_is_reminded_weekly(
    platform: Platform, desk: Desk, tenant: Environment, passed: timedelta, number: int
) -> None:
    ann = await person(platform, tenant, "ann")
    preview = await _refreshed(platform, tenant)
    await set_lock(platform.databases, preview.id, is_locked=True, reason="a training", who=Who("Ann", ann))

    await looked_after(desk, platform)
    await _let_pass(platform, preview, passed)
    await looked_after(desk, platform)

    messages = await told(platform, tenant)
    assert {(kind, to) for kind, to, _ in messages} == {(MessageKind.PREVIEW_LOCKED, ann)}
    assert [facts["reason"] for _, _, facts in messages] == ["a training"] * number


async def test_a_preview_that_was_not_announced_is_announced_first_and_deleted_a_day_later(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """After a day on which no worker ran, its people had no chance to keep it."""
    ann, preview = await person(platform, tenant, "ann"), await _refreshed(platform, tenant)
    await _aged(platform, preview, created_at=timedelta(8), copied_at=timedelta(8))

    tomorrow = [_tomorrow(platform, tenant)]
    await looked_after(desk, platform)
    tomorrow.append(_tomorrow(platform, tenant))  # midnight may have come meanwhile
    ((kind, to, facts),) = await told(platform, tenant)
    ends = facts["ends_at"][:10]
    await looked_after(desk, platform)
    kept = platform.registry.by_id(preview.id)
    await _aged(platform, preview, warned_at=timedelta(1), created_at=timedelta(9), copied_at=timedelta(9))
    await looked_after(desk, platform)

    assert (kind, to, ends in tomorrow) == (MessageKind.PREVIEW_ENDS, ann, True)
    assert kept is not None
    await platform.registry.load()
    assert platform.registry.by_id(preview.id) is None
    assert len(await told(platform, tenant)) == 1


async def test_the_preview_of_a_suspended_client_is_neither_deleted_nor_announced(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    await person(platform, tenant, "ann")
    preview = await _refreshed(platform, tenant)
    long_ago = timedelta(days=9)
    await _aged(platform, preview, created_at=long_ago, copied_at=long_ago)
    await set_state(platform.databases, tenant.tenant.id, State.SUSPENDED, actor="support", reason="unpaid")

    await looked_after(desk, platform)
    await set_state(platform.databases, tenant.tenant.id, State.ACTIVE, actor="support", reason="paid")
    await platform.registry.load()

    kept = platform.registry.by_id(preview.id)
    assert kept is not None
    assert kept.state is State.ACTIVE
    assert await told(platform, tenant) == []


async def test_a_preview_that_is_locked_while_others_are_deleted_is_kept(
    platform: Platform, desk: Desk, tenant: Environment, make_tenant: MakeTenant
) -> None:
    """Deleting takes minutes; who is to be deleted was decided before the first one."""
    previews = {(await _refreshed(platform, one)).id for one in (tenant, await make_tenant())}
    for preview in previews:
        await set_expiry(platform.databases, preview, platform.clock() - timedelta(minutes=1), STAFF)
    async with _locked_while_another_is_deleted(platform, previews):
        await looked_after(desk, platform)

    await platform.registry.load()
    assert len([one for one in previews if platform.registry.by_id(one) is not None]) == 1


@asynccontextmanager
async def _locked_while_another_is_deleted(platform: Platform, previews: set[UUID]) -> AsyncIterator[None]:
    """Whoever locks the other one of these previews does so when the first one is being deleted."""
    ids = ", ".join(f"'{one}'" for one in previews)
    made = (
        f"""create function registry.lock_others() returns trigger language plpgsql as $$ begin
               update registry.environment set is_locked = true where id in ({ids}) and id <> new.id;
               return null; end $$""",
        """create trigger lock_others after update of state on registry.environment
               for each row when (new.state = 'deleting') execute function registry.lock_others()""",
    )
    gone = "drop trigger lock_others on registry.environment", "drop function registry.lock_others"
    async with platform.databases.provisioner().begin() as connection:
        for statement in made:
            await connection.exec_driver_sql(statement)
    try:
        yield
    finally:
        async with platform.databases.provisioner().begin() as connection:
            for statement in gone:
                await connection.exec_driver_sql(statement)


async def _aged(platform: Platform, preview: Environment, **facts: timedelta) -> None:
    """Let these moments of a preview be so long ago."""
    e = EnvironmentRow
    async with platform.databases.control().begin() as connection:
        values = {name: platform.clock() - passed for name, passed in facts.items()}
        await connection.execute(update(e).where(e.id == preview.id).values(values))


def _tomorrow(platform: Platform, tenant: Environment) -> str:
    return f"{(platform.clock() + timedelta(days=1)).astimezone(ZoneInfo(tenant.time_zone)):%Y-%m-%d}"


async def _let_pass(platform: Platform, preview: Environment, passed: timedelta) -> None:
    """As if the last reminder, and its message, were so long ago."""
    row = update(EnvironmentRow).where(EnvironmentRow.id == preview.id)
    async with platform.databases.control().begin() as connection:
        await connection.execute(row.values(warned_at=EnvironmentRow.warned_at - passed))
    production = next(one for one in platform.registry.siblings(preview.id) if one.id != preview.id)
    async with platform.databases.work(production, Actor.system()) as work:
        await work.execute(update(Message).values(cause=Message.cause + " before"))
