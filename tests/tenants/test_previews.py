"""Preview spaces: made by the first refresh, replaced by the next, locked, expired; production is never touched."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from typing_extensions import override

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.settings.models import Integration
from domain.tasks.catalogue import CATALOGUE
from domain.users.models import User
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.audits import find_drift
from tenants.backups.actions import back_up
from tenants.copies.carrying import Carrier
from tenants.copies.dropping import sweep
from tenants.copies.errors import CopyBegunAgain, CopyRunning, NoPreview, NotCopyable, PreviewLocked, ReasonMissing
from tenants.copies.storage import CopyDamaged, Storage
from tenants.environments import Environment, EnvironmentKind, State
from tenants.hostnames import preview_host
from tenants.lifecycle.actions import set_state
from tenants.lifecycle.deleting import delete_environment
from tenants.platform_tasks import COPY
from tenants.previews.actions import Who, refresh, set_expiry, set_lock
from tenants.previews.expiring import aging, mark_warned
from tenants.registry.actions import TenantNotFound, transition
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow, LockRow
from tests.fixtures.jobs import Desk
from tests.tenants.test_backups import _owner_rows, _place, _row, _schemas

ANN, BEN = Who("ann@tomahawku.example"), Who("ben@tomahawku.example")


class PowerCut(Exception):
    """Stands for a process that dies in the middle."""


STAFF = Who("support", is_platform=True)


async def test_the_first_refresh_makes_the_preview_and_it_answers_at_its_own_host(
    platform: Platform, tenant: Environment
) -> None:
    await create_administrator(platform, tenant, ANN.name)

    preview = await _refreshed(platform, tenant)

    assert preview.primary_host == preview_host(tenant.tenant.slug, "ops-com.localhost")
    assert (preview.kind, preview.state, preview.tenant) == (EnvironmentKind.PREVIEW, State.ACTIVE, tenant.tenant)
    assert (preview.schema, preview.role) != (tenant.schema, tenant.role)
    assert await _names(platform, preview) == [ANN.name]


async def test_a_preview_has_every_key_checked_and_every_index_as_if_it_were_new(
    platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)

    assert await find_drift(platform.databases, [preview]) == []


async def test_a_refresh_goes_through_ledger_dispatcher_and_worker(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)
    (run,) = await desk.rows("select id, environment from platform.task_run where task = :task", task=COPY.name)

    await desk.runner().run(run["id"])

    assert (await desk.run(run["id"]))["state"] == "succeeded"
    assert (await _copy(platform, copy_id)).state == "complete"
    assert run["environment"].endswith("_control")


async def test_what_is_changed_in_a_preview_leaves_production_alone_and_is_gone_after_the_next_refresh(
    platform: Platform, tenant: Environment
) -> None:
    await create_administrator(platform, tenant, ANN.name)
    preview = await _refreshed(platform, tenant)
    await create_administrator(platform, preview, "new@tomahawku.example")

    again = await _refreshed(platform, tenant)

    assert (again.id, again.role) == (preview.id, preview.role)
    assert again.schema != preview.schema
    assert await _names(platform, again) == await _names(platform, tenant) == [ANN.name]
    assert preview.schema not in await _schemas(platform)


async def test_live_secrets_stay_behind_and_the_previews_own_test_credentials_come_along(
    platform: Platform, tenant: Environment
) -> None:
    await _connect(platform, tenant, "mistall", live_password="production", test_password="production's")
    preview = await _refreshed(platform, tenant)
    await _connect(platform, preview, "mistall", test_password="ours", test_endpoint="http://test.example")
    await _connect(platform, preview, "parking_logix", test_token="only here", live_token="never")

    preview = await _refreshed(platform, tenant)

    rows = await _owner_rows(
        platform,
        f"select vendor, live_password, live_token, test_password, test_token from {preview.schema}.integration order by 1",
    )
    assert [tuple(row) for row in rows] == [
        ("mistall", None, None, "ours", None),
        ("parking_logix", None, None, None, "only here"),
    ]


async def test_logins_stay_behind_but_the_one_that_pressed_refresh(platform: Platform, tenant: Environment) -> None:
    await create_administrator(platform, tenant, ANN.name)
    preview = await _refreshed(platform, tenant)
    pressed, other = await _log_in(platform, preview), await _log_in(platform, preview)

    preview = await _refreshed(platform, tenant, who=replace(ANN, login_id=pressed))

    rows = await _owner_rows(platform, f"select id from {preview.schema}.login")
    assert [row[0] for row in rows] == [pressed] != [other]


async def test_persons_can_be_taken_out(platform: Platform, tenant: Environment) -> None:
    await create_administrator(platform, tenant, ANN.name)
    async with platform.databases.work(tenant, Actor.system()) as work:
        who = {"user_name": "carl", "user_name_key": "carl", "email": "carl@x.example", "email_key": "carl@x.example"}
        work.add(User(name="Carl", created_at=utc_now(), **who))

    preview = await _refreshed(platform, tenant, is_anonymised=True)

    rows = await _owner_rows(platform, f"select user_name, email, name from {preview.schema}.app_user order by 1")
    assert rows[0][0] == ANN.name
    assert "carl" not in str(rows).lower()


async def test_two_refreshes_at_once_one_wins_and_the_other_is_told(platform: Platform, tenant: Environment) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")

    results = await asyncio.gather(
        *(refresh(platform.databases, tenant.tenant.id, backup_id, who) for who in (ANN, BEN)), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, CopyRunning)]
    assert [len(refused), sum(isinstance(result, UUID) for result in results)] == [1, 1]
    assert refused[0].details["by"] in {ANN.name, BEN.name}


async def test_a_space_that_is_being_deleted_is_not_refreshed(platform: Platform, tenant: Environment) -> None:
    """The copy once went into what the deletion was taking away, and its role and schema were left to the sweep."""
    preview = await _refreshed(platform, tenant)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    async with platform.databases.control().begin() as connection:
        for state in (State.ARCHIVED, State.DELETING):
            await transition(connection, preview.id, state, actor="ann", reason="tests")

    with pytest.raises(NotCopyable):
        await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    await delete_environment(platform.copier, preview.id, actor="ann", reason="tests")
    assert (await _refreshed(platform, tenant)).id != preview.id


async def test_only_a_known_tenant_that_is_active_has_its_spaces_refreshed(
    platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    with pytest.raises(TenantNotFound):
        await refresh(platform.databases, uuid7(), backup_id, STAFF)
    await set_state(platform.databases, tenant.tenant.id, State.ARCHIVED, actor="ann", reason="tests")

    with pytest.raises(NotCopyable):
        await refresh(platform.databases, tenant.tenant.id, backup_id, STAFF)

    await platform.registry.load()
    assert platform.registry.siblings(tenant.id) == (platform.registry.by_id(tenant.id),)


async def test_a_tenant_that_is_suspended_while_its_preview_is_made_has_it_when_it_is_resumed(
    platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)
    await set_state(platform.databases, tenant.tenant.id, State.SUSPENDED, actor="ann", reason="unpaid")

    await _carried(platform, copy_id)
    await set_state(platform.databases, tenant.tenant.id, State.ACTIVE, actor="ann", reason="paid")

    await platform.registry.load()
    assert _served(platform, tenant).state is State.ACTIVE


async def test_a_locked_preview_is_not_refreshed_and_says_why(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)
    await set_lock(platform.databases, preview.id, is_locked=True, reason="Ann trains the desk", who=ANN)

    with pytest.raises(PreviewLocked, match="Ann trains the desk") as refused:
        await _refreshed(platform, tenant, who=BEN)
    assert refused.value.details["by"] == ANN.name

    with pytest.raises(PreviewLocked):
        await _refreshed(platform, tenant, who=STAFF)
    with pytest.raises(PreviewLocked):
        await _refreshed(platform, tenant, who=BEN, over_lock=True)
    assert (await _refreshed(platform, tenant, who=STAFF, over_lock=True)).schema != preview.schema
    await set_lock(platform.databases, preview.id, is_locked=False, reason="done", who=BEN)
    await _refreshed(platform, tenant, who=BEN)
    async with platform.databases.control().connect() as connection:
        history = await connection.execute(
            select(LockRow.is_locked, LockRow.actor).where(LockRow.environment_id == preview.id).order_by(LockRow.at)
        )
        assert history.all() == [(True, ANN.name), (False, BEN.name)]


async def test_a_lock_needs_a_reason_and_a_preview(platform: Platform, tenant: Environment) -> None:
    with pytest.raises(ReasonMissing):
        await set_lock(platform.databases, tenant.id, is_locked=True, reason="  ", who=ANN)
    with pytest.raises(NoPreview):
        await set_lock(platform.databases, tenant.id, is_locked=True, reason="production", who=ANN)


async def test_the_reason_of_a_lock_is_kept_as_one_printable_line(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)

    await set_lock(platform.databases, preview.id, is_locked=True, reason="Ann\0trains\r\nthe desk ", who=ANN)

    async with platform.databases.control().connect() as connection:
        reasons = await connection.scalars(select(LockRow.reason).where(LockRow.environment_id == preview.id))
        assert reasons.all() == ["Ann trains the desk"]


async def test_a_damaged_backup_leaves_the_old_preview_as_it_was(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)
    schemas = await _schemas(platform)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    (_place(platform) / (await _row(platform, backup_id)).folder / "app_user.copy.zst.age").unlink()
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    with pytest.raises(CopyDamaged):
        await _carried(platform, copy_id)

    await platform.registry.load()
    assert platform.registry.by_id(preview.id) == preview
    assert await _schemas(platform) == schemas
    row = await _copy(platform, copy_id)
    assert (row.state, row.error_code) == ("failed", "backup.damaged")
    await _refreshed(platform, tenant)


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("step", ["role", "load", "switch", "furnish", "drop"])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_refresh_that_is_killed_at_any_step_is_finished_by_the_next_attempt(
    platform: Platform, tenant: Environment, step: str, *, is_first: bool
) -> None:
    """The old schema serves until the switch; afterwards nothing is left that nobody names."""
    await create_administrator(platform, tenant, ANN.name)
    if not is_first:
        await _refreshed(platform, tenant)
    if is_first and step == "drop":
        step = "furnish"
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    def dies(code: str, _text: str) -> None:
        if code == step:
            raise PowerCut

    with pytest.raises(PowerCut):
        await Carrier(platform.copier, platform.provisioner.furnish, copy_id, dies).carry_out()
    if not is_first:
        assert await _names(platform, _served(platform, tenant)) == [ANN.name]
    await _carried(platform, copy_id)

    preview = _served(platform, tenant)
    assert await _names(platform, preview) == [ANN.name]
    assert (await _copy(platform, copy_id)).state == "complete"
    async with platform.databases.work(preview, Actor.system()) as work:
        assert len(await work.scalars(select(User.id))) == 1
    assert await sweep(platform.databases, "main") == []


@pytest.mark.usefixtures("swept")
async def test_a_copy_that_another_process_took_up_is_neither_switched_to_nor_said_to_have_failed(
    platform: Platform, tenant: Environment
) -> None:
    """A worker that was thought dead: the next one names a schema of its own, and its copy once ended with the first's."""
    preview = await _refreshed(platform, tenant)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id, loop = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN), asyncio.get_running_loop()

    class TakenUp(Storage):
        reads = 0

        @override
        def get(self, path: str) -> bytes:
            self.reads += 1
            if self.reads == 2:  # the first is before the schema has a name
                naming = platform.copier.new_schema(copy_id, preview.schema)
                asyncio.run_coroutine_threadsafe(naming, loop).result()
            return super().get(path)

    late = replace(platform.copier, storage=TakenUp(platform.settings.backup_storage))
    carrier = Carrier(late, platform.provisioner.furnish, copy_id, lambda _code, _text: None)

    with pytest.raises(CopyBegunAgain) as refused:
        await carrier.carry_out()
    await carrier.fail(refused.value)

    assert (await _copy(platform, copy_id)).state == "running"
    assert _served(platform, tenant).schema == preview.schema
    assert await sweep(platform.databases, "main") == []
    await _carried(platform, copy_id)
    assert (await _copy(platform, copy_id)).state == "complete"


async def test_old_data_that_somebody_still_reads_are_left_to_the_sweep(
    platform: Platform, tenant: Environment
) -> None:
    """Where a backup of them ran, the copy was tried again, and then said to have failed though its data served."""
    preview = await _refreshed(platform, tenant)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)
    async with platform.databases.owner("main").connect() as reader:
        become = f"set local role {platform.databases.database_name('main')}_owner"
        await reader.exec_driver_sql(f"{become}; lock table {preview.schema}.app_user in access share mode")

        await _carried(platform, copy_id)

    assert (await _copy(platform, copy_id)).state == "complete"
    assert await sweep(platform.databases, "main") == [preview.schema]


async def test_what_a_dead_copy_left_is_swept(platform: Platform, tenant: Environment) -> None:
    async with platform.databases.owner("main").begin() as connection:
        owner = f"{platform.databases.database_name('main')}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; create schema s_999777; create table s_999777.t ()")

    assert await sweep(platform.databases, "main") == ["s_999777"]
    assert tenant.schema in await _schemas(platform)


async def test_a_preview_is_warned_of_after_six_days_and_deleted_after_seven(
    platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    now = utc_now()

    assert await _aging(platform, preview, now + timedelta(days=5, hours=23)) == (False, False)
    assert await _aging(platform, preview, now + timedelta(days=6, hours=1)) == (False, True)
    await mark_warned(platform.copier, preview.id, now + timedelta(days=6, hours=1))
    assert await _aging(platform, preview, now + timedelta(days=6, hours=2)) == (False, False)
    assert await _aging(platform, preview, now + timedelta(days=7, hours=1)) == (True, False)

    await create_administrator(platform, preview, ANN.name)
    await _log_in(platform, preview, now + timedelta(days=6))
    assert await _aging(platform, preview, now + timedelta(days=7, hours=1)) == (False, False)
    await set_expiry(platform.databases, preview.id, now + timedelta(days=60), STAFF)
    assert await _aging(platform, preview, now + timedelta(days=50)) == (False, False)
    await set_lock(platform.databases, preview.id, is_locked=True, reason="keep", who=ANN)
    assert await _aging(platform, preview, now + timedelta(days=70)) == (False, True)


async def test_an_expired_preview_is_gone_and_the_next_refresh_makes_another(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    async with platform.databases.control().begin() as connection:
        past = {"expires_at": utc_now() - timedelta(minutes=1)}
        await connection.execute(update(EnvironmentRow).where(EnvironmentRow.id == preview.id).values(past))
    (run_id,) = await desk.queue(_platform_name(platform), "expire_previews")

    await desk.runner().run(run_id)

    await platform.registry.load()
    assert (await desk.run(run_id))["state"] == "succeeded"
    assert platform.registry.by_host(preview.primary_host) is None
    assert preview.schema not in await _schemas(platform)
    assert (await _refreshed(platform, tenant)).id != preview.id


async def test_a_new_preview_has_its_schedules(platform: Platform, desk: Desk, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)

    rows = await desk.rows("select task from platform.task_schedule where environment = :role", role=preview.role)

    assert {row["task"] for row in rows} == {name for name, task in CATALOGUE.items() if task.rule}


def _platform_name(platform: Platform) -> str:
    return f"{platform.databases.database_name('')}_control"


def _served(platform: Platform, tenant: Environment) -> Environment:
    found = platform.registry.by_host(preview_host(tenant.tenant.slug, "ops-com.localhost"))
    assert found is not None
    return found


async def _refreshed(platform: Platform, tenant: Environment, who: Who = ANN, **how: Any) -> Environment:  # noqa: ANN401
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor=who.name)
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, who, **how)
    await _carried(platform, copy_id)
    found = platform.registry.by_id((await _copy(platform, copy_id)).environment_id)
    assert found is not None
    return found


async def _carried(platform: Platform, copy_id: UUID) -> None:
    await Carrier(platform.copier, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()


async def _copy(platform: Platform, copy_id: UUID) -> CopyRow:
    async with platform.databases.control().connect() as connection:
        row: CopyRow = (await connection.execute(select(CopyRow.__table__).where(CopyRow.id == copy_id))).one()  # type: ignore[assignment]
        return row


async def _aging(platform: Platform, preview: Environment, now: object) -> tuple[bool, bool]:
    over, warned = await aging(platform.copier, now, nullcontext)  # type: ignore[arg-type]
    return tuple(preview.id in {one.environment.id for one in found} for found in (over, warned))  # type: ignore[return-value]


async def _names(platform: Platform, environment: Environment) -> list[str]:
    rows = await _owner_rows(platform, f"select user_name from {environment.schema}.app_user order by 1")
    return [row[0] for row in rows]


async def _connect(platform: Platform, environment: Environment, vendor: str, **values: str) -> None:
    async with platform.databases.work(environment, Actor.system()) as work:
        row = await work.scalar(select(Integration).where(Integration.vendor == vendor))
        if row is None:
            row = Integration(vendor=vendor, is_enabled=True)
            work.add(row)
        for name, value in values.items():
            setattr(row, name, value)


async def _log_in(platform: Platform, environment: Environment, at: object = None) -> UUID:
    """A login row of the administrator, as logging in writes it."""
    rows = await _owner_rows(
        platform,
        f"insert into {environment.schema}.login (id, token_hash, user_id, source_id, portal, access_version, created_at,"
        " last_seen_at, idle_seconds, expires_at, address, user_agent)"
        f" select gen_random_uuid(), sha256(random()::text::bytea), u.id, s.id, 'admin', u.access_version, now(),"
        " coalesce(cast(:at as timestamptz), now()), 600, now() + interval '1 day', '127.0.0.1', 'tests'"
        f" from {environment.schema}.app_user u, {environment.schema}.login_source s limit 1 returning id",
        at=at,  # type: ignore[arg-type]
    )
    found: UUID = rows[0][0]
    return found
