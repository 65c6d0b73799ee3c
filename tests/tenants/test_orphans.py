"""What nobody names: found wherever it lies, removed by the sweep; and what serves is left alone."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select, update

from domain.groups.models import LotGroup
from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from gateway.app import create_app, running
from jobs.ledger import is_outage
from opscom.platform import Platform
from tenants.backups.actions import ABANDONED_AFTER, KEPT_OF_DELETED, back_up, remove_left_over
from tenants.backups.queries import backups_of
from tenants.backups.restoring import restore
from tenants.copies.carrying import Carrier
from tenants.copies.copier import BackupNotFound
from tenants.copies.ending import end_copies_into
from tenants.copies.errors import CopyEnded, StillServing
from tenants.copies.load import Changes
from tenants.copies.switch import grant
from tenants.copies.threads import Progress
from tenants.environments import Environment, State
from tenants.lifecycle.deleting import delete_environment, delete_tenant
from tenants.orphans import find_orphans, sweep_everything
from tenants.previews.actions import refresh
from tenants.previews.expiring import aging, half_deleted
from tenants.registry.actions import transition
from tenants.registry.models import HostnameRow
from tenants.registry.records import BackupRow, CopyRow
from tenants.repairing import repair
from tests.fixtures.jobs import Desk
from tests.gateway.asking import connected, query
from tests.tenants.test_backups import _place, _row
from tests.tenants.test_previews import ANN, _copy, _refreshed

pytestmark = pytest.mark.usefixtures("swept")


async def test_schemas_roles_rows_hosts_and_files_of_nobody_are_found_and_swept(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    role, folder = f"e_{uuid7().hex}", f"{tenant.tenant.id}/{tenant.id}/{uuid7()}"
    database = platform.databases.database_name("main")
    await _as_owner(platform, "create schema s_999778; create table s_999778.t ()")
    async with platform.databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(f"create role {role}; grant {role} to {database}_app")
    await _as_owner(platform, f"grant usage on schema s_999778 to {role}")
    await desk.queue(role, "purge")
    _leave(_place(platform) / folder / "lot.copy.zst.age#1")

    found = {(one.schema, one.what) for one in await find_orphans(platform.copier)}

    assert found == {
        ("s_999778", "a schema that nobody names"),
        (role, "a role that no environment has"),
        (role, "rows of the run ledger of nobody"),
        (folder, "files of no backup"),
    }
    await sweep_everything(platform.copier)
    assert await find_orphans(platform.copier) == []
    assert not (_place(platform) / folder).exists()


async def test_a_whole_backup_that_a_recovered_registry_does_not_know_is_told_of_and_kept(
    platform: Platform, tenant: Environment
) -> None:
    """It was taken after the moment of the recovery, so it is the only copy of what was written since."""
    backup_id = await back_up(platform.copier, tenant, reason="nightly", actor="Back Up")
    folder = (await _row(platform, backup_id)).folder
    await _as_owner(platform, f"delete from registry.backup where id = '{backup_id}'")

    await sweep_everything(platform.copier)

    found = [(one.schema, one.what) for one in await find_orphans(platform.copier)]
    assert found == [(folder, "a backup that the registry does not know")]
    assert (_place(platform) / folder / "manifest.json").exists()
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")
    await sweep_everything(platform.copier)
    assert not (_place(platform) / folder).exists()


async def test_a_host_name_of_a_deleted_preview_is_swept(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)
    await delete_environment(platform.copier, preview.id, actor="ann", reason="tests")
    async with platform.databases.control().begin() as connection:
        row = {"name": preview.primary_host, "environment_id": preview.id, "kind": "canonical"}
        await connection.execute(insert(HostnameRow).values(row))

    assert [one.schema for one in await find_orphans(platform.copier)] == [preview.primary_host]
    await sweep_everything(platform.copier)
    assert await find_orphans(platform.copier) == []


async def test_a_schema_that_serves_is_never_dropped_and_the_registry_is_made_to_follow_it(
    platform: Platform, tenant: Environment
) -> None:
    """A worker died between the grant and the registry's row, and for hours nobody went on with the copy."""
    preview = await _refreshed(platform, tenant)
    await _switched_and_died(platform, preview)

    await sweep_everything(replace(platform.copier, clock=lambda: utc_now() + ABANDONED_AFTER))

    await platform.registry.load()
    served = platform.registry.by_id(preview.id)
    assert served is not None
    assert served.schema != preview.schema
    async with platform.databases.work(served, Actor.system()) as work:
        assert await work.scalars(select(LotGroup.id)) == []
    with pytest.raises(StillServing):
        await platform.copier.drop(served.cell, served.schema)
    assert await find_orphans(platform.copier) == []


async def test_who_asks_between_the_grant_and_the_registry_is_answered_from_the_new_schema(
    platform: Platform, tenant: Environment
) -> None:
    await _switched_and_died(platform, tenant)
    gateway = create_app(platform)

    async with running(gateway):
        answer = await query(gateway.app, "{ lotGroups { name } }", [("host", tenant.primary_host)])

    assert (answer.status, answer.json()) == (200, {"data": {"lotGroups": []}})
    assert not await repair(platform.databases, _known(platform, tenant))


async def test_who_watches_between_the_grant_and_the_registry_is_shown_the_new_schema(
    platform: Platform, tenant: Environment
) -> None:
    """Live operations looked into the registry only, and so waited for whoever would take the dead process's copy up."""
    await _switched_and_died(platform, tenant)
    gateway = create_app(platform)

    async with running(gateway), connected(gateway.app, {"host": tenant.primary_host}) as peer:
        peer.subscribe("a", "subscription { occupancy { pins { name } } }")
        await peer.until(2)

    assert peer.states("a") == [{"data": {"occupancy": {"pins": []}}}]


async def test_a_copy_whose_run_is_over_stands_in_nobodys_way(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """Once it held its environment until the sweep of hours later."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    first = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)
    await desk.execute("update platform.task_run set state = 'failed', finished_at = now()")

    second = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    assert ((await _copy(platform, first)).state, (await _copy(platform, first)).error_code) == ("failed", "copy.ended")
    assert (await _copy(platform, second)).state == "queued"


async def test_who_carries_out_a_copy_that_was_ended_meanwhile_is_refused_the_next_step(
    platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    async def is_deleted_meanwhile(_work: Work, environment: Environment) -> None:
        async with platform.databases.control().begin() as connection:
            await end_copies_into(connection, environment.id)

    with pytest.raises(CopyEnded):
        await Carrier(platform.copier, is_deleted_meanwhile, copy_id, lambda _code, _text: None).carry_out()

    assert (await _copy(platform, copy_id)).state == "failed"


async def test_a_preview_whose_deletion_was_interrupted_is_deleted_to_the_end(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    """The hourly task looked at active previews only: one that is being deleted was nobody's any more."""
    preview = await _refreshed(platform, tenant)
    async with platform.databases.control().begin() as connection:
        for state in (State.ARCHIVED, State.DELETING):
            await transition(connection, preview.id, state, actor="ann", reason="tests")
    await platform.registry.load()
    assert preview.id in {one.id for one in await half_deleted(platform.copier)}
    (run_id,) = await desk.queue(f"{platform.databases.database_name('')}_control", "expire_previews")

    await desk.runner().run(run_id)

    await platform.registry.load()
    assert (await desk.run(run_id))["state"] == "succeeded"
    assert platform.registry.by_id(preview.id) is None
    assert await find_orphans(platform.copier) == []


async def test_a_preview_that_is_being_refreshed_does_not_expire(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)
    later = utc_now() + timedelta(days=8)
    assert preview.id in {one.environment.id for one in (await aging(platform.copier, later, nullcontext))[0]}
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)

    assert preview.id not in {one.environment.id for one in (await aging(platform.copier, later, nullcontext))[0]}


async def test_a_backup_that_was_being_removed_is_removed_to_the_end_and_offered_to_nobody(
    platform: Platform, tenant: Environment
) -> None:
    """Its row said removed before its files went: a process that died in between left them for ever."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    async with platform.databases.control().begin() as connection:
        await connection.execute(update(BackupRow).where(BackupRow.id == backup_id).values(state="removing"))
    folder = _place(platform) / (await _row(platform, backup_id)).folder

    assert await backups_of(platform.databases, tenant.id, number=9) == []
    with pytest.raises(BackupNotFound):
        await platform.copier.stored(backup_id, tenant.tenant.id)
    assert await remove_left_over(platform.copier) == 1

    assert ((await _row(platform, backup_id)).state, folder.exists()) == ("removed", False)


async def test_the_backups_of_a_deleted_preview_end_after_a_month(platform: Platform, tenant: Environment) -> None:
    later = replace(platform.copier, clock=lambda: utc_now() + KEPT_OF_DELETED)
    await remove_left_over(later)  # those of previews that other tests deleted
    preview = await _refreshed(platform, tenant)
    backup_id = await back_up(platform.copier, preview, reason="by hand", actor="ann")
    await delete_environment(platform.copier, preview.id, actor="ann", reason="tests")

    assert await remove_left_over(platform.copier) == 0
    assert await remove_left_over(later) == 1

    assert (await _row(platform, backup_id)).state == "removed"


def test_an_outage_that_the_copy_engine_met_is_tried_again() -> None:
    """It speaks with the driver itself, whose errors SQLAlchemy does not wrap."""
    assert is_outage(psycopg.OperationalError("the server closed the connection"))
    assert not is_outage(psycopg.ProgrammingError("a mistake of ours"))


async def _switched_and_died(platform: Platform, environment: Environment) -> None:
    """The role may use another schema than the registry says: whoever restored the environment died then and there."""
    backup_id = await back_up(platform.copier, environment, reason="by hand", actor="ann")
    copy_id = await restore(platform.databases, environment.id, backup_id, actor="ann", reason="tests")
    schema = await platform.copier.new_schema(copy_id, environment.schema)
    stored = await platform.copier.stored(backup_id, environment.tenant.id)
    await platform.copier.load(stored, environment.cell, schema, Changes(), Progress())
    async with platform.databases.control().begin() as connection:
        await connection.execute(update(CopyRow).where(CopyRow.id == copy_id).values(state="failed"))
    owner, database = platform.databases.owner(environment.cell), platform.databases.database_name(environment.cell)
    await grant(owner, environment.role, schema, database=database)


def _known(platform: Platform, environment: Environment) -> Environment:
    found = platform.registry.by_id(environment.id)
    assert found is not None
    return found


async def _as_owner(platform: Platform, statement: str) -> None:
    async with platform.databases.owner("main").begin() as connection:
        owner = f"{platform.databases.database_name('main')}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; {statement}")


def _leave(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
