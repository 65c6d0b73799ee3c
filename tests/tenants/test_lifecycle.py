"""The life of a tenant: suspended, resumed, renamed, archived, exported, deleted; each step with who and why."""

import csv
import io
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.settings.models import Integration
from gateway.app import create_app, running
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.copies.errors import ReasonMissing, StillServing
from tenants.copies.switch import withdraw
from tenants.environments import Environment, State
from tenants.hostnames import preview_host, production_host
from tenants.keys.ciphertext import SecretUnreadable
from tenants.lifecycle.actions import (
    OLD_HOST_KEPT,
    ask_for_deletion,
    checked_reason,
    forget_old_hosts,
    rename,
    set_state,
)
from tenants.lifecycle.deleting import delete_environment, delete_tenant
from tenants.lifecycle.erasures import ErasureNotFound, erasure_of
from tenants.lifecycle.errors import NotArchived, NotConfirmed
from tenants.lifecycle.exporting import export
from tenants.registry.actions import NewTenant, SlugTaken, StateForbids, TenantNotFound, transition
from tenants.registry.models import DataKeyRow, EnvironmentRow, HostnameRow, TransitionRow
from tenants.registry.records import BackupKeyRow, ErasureRow
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.gateway.asking import ask
from tests.tenants.test_backups import _files, _place, _schemas
from tests.tenants.test_previews import ANN, _refreshed

BASE = "ops-com.localhost"


@pytest.mark.parametrize(("typed", "kept"), [(" unpaid\r\nsince\0May ", "unpaid since May"), ("\0\n", None)])
def test_a_reason_is_kept_as_one_printable_line(typed: str, kept: str | None) -> None:
    """A NUL in it was an internal error."""
    with nullcontext() if kept else pytest.raises(ReasonMissing):
        assert checked_reason(typed) == kept


async def test_a_suspended_tenant_loses_nothing_and_answers_again(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    (waiting,) = await desk.queue(tenant, "purge")

    await _to(platform, tenant, State.SUSPENDED)

    assert [_known(platform, one).state for one in (tenant, preview)] == [State.SUSPENDED, State.SUSPENDED]
    await desk.runner().run(waiting)
    assert (await desk.run(waiting))["error_class"] == "environment_inactive"
    await _to(platform, tenant, State.ACTIVE)
    assert _known(platform, tenant) == tenant


async def test_each_step_is_kept_with_who_and_why(platform: Platform, tenant: Environment) -> None:
    await _to(platform, tenant, State.SUSPENDED, reason="unpaid")

    async with platform.databases.control().connect() as connection:
        t = TransitionRow
        wanted = select(t.before, t.after, t.actor, t.reason).where(t.environment_id == tenant.id).order_by(t.at.desc())
        assert (await connection.execute(wanted.limit(1))).one() == ("active", "suspended", "ann", "unpaid")
    with pytest.raises(ReasonMissing):
        await set_state(platform.databases, tenant.tenant.id, State.ACTIVE, actor="ann", reason=" ")
    with pytest.raises(StateForbids):
        await set_state(platform.databases, tenant.tenant.id, State.DELETED, actor="ann", reason="no")


async def test_a_renamed_tenant_is_led_from_its_old_host_to_the_new_one(
    platform: Platform, tenant: Environment
) -> None:
    old, slug = tenant.primary_host, f"{tenant.tenant.slug}-x"
    await _refreshed(platform, tenant)

    await rename(platform.databases, tenant.tenant.id, slug, actor="ann", now=utc_now())
    await platform.registry.load()

    moved = _known(platform, tenant)
    assert (moved.primary_host, moved.schema) == (production_host(slug, BASE), tenant.schema)
    assert platform.registry.by_host(preview_host(slug, BASE)) is not None
    gateway = create_app(platform)
    async with running(gateway):
        answer = await ask(gateway.app, b"", [("host", old)], path="/admin", method="GET")
        assert (answer.status, answer.header("location")) == (308, f"http://{moved.primary_host}:8000/admin")


async def test_the_old_name_of_a_tenant_is_nobodys_for_a_while(platform: Platform, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    old = tenant.tenant.slug
    await rename(platform.databases, tenant.tenant.id, f"{old}-y", actor="ann", now=utc_now())

    with pytest.raises(SlugTaken):
        await platform.provisioner.create_tenant(NewTenant(old, "Another"), actor="ann")

    assert await forget_old_hosts(platform.databases, utc_now()) == 0
    assert await forget_old_hosts(platform.databases, utc_now() + OLD_HOST_KEPT) >= 1
    assert (await platform.provisioner.create_tenant(NewTenant(old, "Another"), actor="ann")).tenant.slug == old


async def test_a_tenant_renamed_back_has_its_first_host_again(platform: Platform, tenant: Environment) -> None:
    slug = tenant.tenant.slug
    for name in (f"{slug}-z", slug):
        await rename(platform.databases, tenant.tenant.id, name, actor="ann", now=utc_now())
    await platform.registry.load()

    assert _known(platform, tenant).primary_host == tenant.primary_host
    assert tenant.primary_host not in _known(platform, tenant).redirects


async def test_a_tenant_is_renamed_while_its_preview_is_being_deleted(platform: Platform, tenant: Environment) -> None:
    """A space in deletion has no host names any more, and renaming broke on that."""
    preview = await _refreshed(platform, tenant)
    async with platform.databases.control().begin() as connection:
        for state in (State.ARCHIVED, State.DELETING):
            await transition(connection, preview.id, state, actor="ann", reason="tests")
        await connection.execute(delete(HostnameRow).where(HostnameRow.environment_id == preview.id))

    await rename(platform.databases, tenant.tenant.id, f"{tenant.tenant.slug}-w", actor="ann", now=utc_now())

    await platform.registry.load()
    assert _known(platform, tenant).primary_host == production_host(f"{tenant.tenant.slug}-w", BASE)
    await delete_environment(platform.copier, preview.id, actor="ann", reason="tests")


async def test_the_name_of_a_deleted_tenant_stays_with_it(platform: Platform, tenant: Environment) -> None:
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    with pytest.raises(TenantNotFound):
        await rename(platform.databases, tenant.tenant.id, "given-away", actor="ann", now=utc_now())


async def test_an_export_has_all_rows_and_no_secret(platform: Platform, tenant: Environment, tmp_path: Path) -> None:
    await create_administrator(platform, tenant, ANN.name)
    async with platform.databases.work(tenant, Actor.system()) as work:
        secrets = {"live_password": "hidden-1", "test_token": "hidden-2"}
        work.add(Integration(vendor="mistall", is_enabled=True, live_endpoint="https://mistall.example", **secrets))

    found = await export(platform.copier, tenant, tmp_path / "export.zip")

    content = _content(tmp_path / "export.zip")
    people = list(csv.DictReader(io.StringIO(content["app_user.csv"])))
    assert [person["user_name"] for person in people] == [ANN.name]
    assert "https://mistall.example" in content["integration.csv"]
    assert not {"login.csv", "password_credential.csv", "login_attempt.csv"} & content.keys()
    assert "hidden" not in "".join(content.values())
    assert "$argon2" not in "".join(content.values())
    assert found.files == len(content) - 1
    assert f"app_user.csv  {len(people)} rows" in content["README.txt"]


async def test_only_an_archived_tenant_that_is_named_again_is_deleted(platform: Platform, tenant: Environment) -> None:
    asked = {"actor": "ann", "reason": "contract ended"}
    with pytest.raises(NotArchived):
        await ask_for_deletion(platform.databases, tenant.tenant.id, confirmed=tenant.tenant.slug, **asked)
    with pytest.raises(NotConfirmed):
        await ask_for_deletion(platform.databases, tenant.tenant.id, confirmed="other", **asked)


async def test_a_tenant_that_was_never_made_whole_is_not_resumed_and_can_be_deleted(
    platform: Platform, desk: Desk
) -> None:
    """Resumed, it answered without tables; and it could be archived no more than deleted."""
    environment_id = await platform.provisioner.register(NewTenant("half-made", "Half"), actor="ann")
    pending = await platform.registry.known(environment_id)

    with pytest.raises(StateForbids):
        await _to(platform, pending, State.ACTIVE)
    run_id = await ask_for_deletion(
        platform.databases, pending.tenant.id, confirmed="half-made", actor="ann", reason="a slip"
    )
    await desk.runner().run(run_id)

    assert (await desk.run(run_id))["state"] == "succeeded"
    await platform.registry.load()
    assert platform.registry.by_id(environment_id) is None


async def test_a_deletion_that_was_asked_for_is_asked_for_once_and_has_no_way_back(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """Resumed before a worker came, a tenant was once deleted while it answered; a second press was an internal error."""
    await _to(platform, tenant, State.ARCHIVED)
    named = {"confirmed": tenant.tenant.slug}

    first = await ask_for_deletion(platform.databases, tenant.tenant.id, **named, actor="ann", reason="contract ended")
    again = await ask_for_deletion(platform.databases, tenant.tenant.id, **named, actor="bob", reason="is it done?")

    assert again == first
    with pytest.raises(StateForbids):
        await _to(platform, tenant, State.ACTIVE)
    with pytest.raises(ErasureNotFound):
        await erasure_of(platform.databases.control(), tenant.tenant.slug)
    await desk.runner().run(first)
    proof = await erasure_of(platform.databases.control(), tenant.tenant.slug)
    assert (proof.actor, proof.reason) == ("ann", "contract ended")


async def test_a_deleted_tenant_is_nowhere_any_more(platform: Platform, desk: Desk, tenant: Environment) -> None:
    """The marker of a tenant is sought in every store: tables, ledger, files, keys, roles."""
    marker = "erase-me-7c1e"
    await create_administrator(platform, tenant, f"{marker}@tomahawku.example")
    preview = await _refreshed(platform, tenant)
    folder = _place(platform) / str(tenant.tenant.id)
    assert _files(folder) != []
    await _to(platform, tenant, State.ARCHIVED)
    run_id = await ask_for_deletion(
        platform.databases, tenant.tenant.id, confirmed=tenant.tenant.slug, actor="ann", reason="contract ended"
    )

    await desk.runner().run(run_id)

    assert (await desk.run(run_id))["state"] == "succeeded"
    assert _files(folder) == []
    assert await _rows_with(platform, tenant.role) == await _rows_with(platform, preview.role) == 0
    assert not {tenant.schema, preview.schema} & set(await _schemas(platform))
    async with platform.databases.control().connect() as connection:
        for row in (DataKeyRow, BackupKeyRow):
            assert (
                await connection.execute(select(row.tenant_id).where(row.tenant_id == tenant.tenant.id))
            ).all() == []
        proof = (
            await connection.execute(select(ErasureRow.__table__).where(ErasureRow.tenant_id == tenant.tenant.id))
        ).one()
        states = await connection.scalars(
            select(EnvironmentRow.state).where(EnvironmentRow.tenant_id == tenant.tenant.id)
        )
        assert set(states.all()) == {"deleted"}
        roles = await connection.scalars(
            text("select rolname from pg_roles where rolname = any(:r)"), {"r": [tenant.role, preview.role]}
        )
        assert roles.all() == []
    assert (proof.actor, proof.reason) == ("ann", "contract ended")
    assert set(proof.schemas) == {tenant.schema, preview.schema}
    assert proof.keys_destroyed_at < proof.finished_at < proof.base_backups_until
    await platform.registry.load()
    assert platform.registry.by_host(tenant.primary_host) is None


async def test_once_its_keys_are_destroyed_no_secret_of_a_tenant_opens_in_any_process(
    platform: Platform, tenant: Environment
) -> None:
    sealed = platform.databases.vault(tenant).seal("hidden")

    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    with pytest.raises(SecretUnreadable):
        platform.databases.vault(tenant).open(sealed)


async def test_a_deletion_that_is_killed_in_the_middle_is_finished_by_the_next_attempt(
    platform: Platform, tenant: Environment
) -> None:
    await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    with pytest.raises(StillServing):
        await platform.copier.drop(tenant.cell, tenant.schema)
    owner, database = platform.databases.owner(tenant.cell), platform.databases.database_name(tenant.cell)
    assert await withdraw(owner, tenant.role, database=database) == [tenant.schema]
    await platform.copier.drop(tenant.cell, tenant.schema)
    async with platform.databases.control().begin() as connection:
        await connection.execute(text("delete from registry.data_key where tenant_id = :id"), {"id": tenant.tenant.id})

    for _ in range(2):
        await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    await platform.registry.load()
    assert platform.registry.by_id(tenant.id) is None


async def _to(platform: Platform, tenant: Environment, state: State, reason: str = "tests") -> None:
    await set_state(platform.databases, tenant.tenant.id, state, actor="ann", reason=reason)
    await platform.registry.load()


def _known(platform: Platform, environment: Environment) -> Environment:
    found = platform.registry.by_id(environment.id)
    assert found is not None
    return found


def _content(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def _rows_with(platform: Platform, role: str) -> int:
    async with platform.databases.ledger("main").connect() as connection:
        statement = text(
            "select (select count(*) from platform.task_run where environment = :role)"
            " + (select count(*) from platform.task_schedule where environment = :role)"
        )
        return int(await connection.scalar(statement, {"role": role}) or 0)
