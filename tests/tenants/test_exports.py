"""Exports asked for over the ops API: made by a worker, sealed, fetched by staff, and gone when their time is over."""

import asyncio
import zipfile
from copy import copy
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.ids import uuid7
from opscom.accounts import create_administrator
from opscom.platform import Platform
from schema.ids import PLATFORM, global_id
from tenants.copies.storage import CopyDamaged, Storage, StorageFailed
from tenants.environments import Environment
from tenants.lifecycle.deleting import delete_tenant
from tenants.lifecycle.exporting import export
from tenants.lifecycle.exports import (
    KEPT,
    ExportNotFound,
    exports_of,
    fetch_export,
    remove_old_exports,
    store_export,
)
from tenants.orphans import find_orphans, sweep_everything
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import Asking
from tests.patience import patience
from tests.tenants.test_backups import _owner_rows

ANN = "ann@tomahawku.example"
STAFF = Actor(ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS, Permission.MANAGE_TENANTS}), user_id=uuid7())
EXPORT = "mutation ($id: ID!) { exportTenant(id: $id) { tenant { slug } userErrors { code } } }"
EXPORTS = "query ($id: ID!) { exports(id: $id) { id madeAt until rows kilobytes sha256 } }"
AUDIT = "query ($id: ID) { audit(tenantId: $id) { edges { node { action facts { name value } } } } }"


async def test_staff_ask_for_an_export_and_fetch_it(
    ops: Asking, desk: Desk, tenant: Environment, tmp_path: Path
) -> None:
    await create_administrator(desk.platform, tenant, ANN)
    row, to = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}, tmp_path / "export.zip"

    asked = [(await ops.data(EXPORT, row, actor=STAFF))["exportTenant"] for _again in range(2)]
    (run,) = await desk.rows("select id from platform.task_run where task = 'export'")
    await desk.runner().run(run["id"])
    entries = (await ops.data(AUDIT, row, actor=STAFF))["audit"]["edges"]
    facts = {fact["name"]: fact["value"] for fact in entries[0]["node"]["facts"]}
    (listed,) = (await ops.data(EXPORTS, row, actor=STAFF))["exports"]
    (path,) = _stored(desk.platform, tenant)
    await desk.platform.registry.load()
    sealed = desk.platform.copier.storage.get(path)
    await fetch_export(desk.platform.copier, tenant.tenant.id, _id_of(path), to)

    assert [one["userErrors"] for one in asked] == [[], []]
    assert (await desk.run(run["id"]))["state"] == "succeeded"
    assert (entries[0]["node"]["action"], facts["export"], facts["bytes"]) == (
        "exported",
        str(_id_of(path)),
        str(len(sealed)),
    )
    assert (listed["id"], listed["kilobytes"]) == (facts["export"], -(-len(sealed) // 1000))
    assert (listed["sha256"], listed["rows"]) == (sha256(sealed).hexdigest(), int(facts["rows"]))
    assert listed["madeAt"][:10] < listed["until"][:10]
    assert ANN.encode() not in sealed
    with zipfile.ZipFile(to) as archive:
        assert ANN in archive.read("app_user.csv").decode()


async def test_an_export_that_came_to_nothing_is_told_to_who_waits_for_it(
    ops: Asking, desk: Desk, tenant: Environment
) -> None:
    """The list of exports stayed empty, and nothing said why."""
    row = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id)}
    nowhere = replace(desk.platform.copier, storage=Storage(""))

    with pytest.raises(StorageFailed):
        await store_export(nowhere, tenant.tenant.id, actor="ann")

    line = (await ops.data(AUDIT, row, actor=STAFF))["audit"]["edges"][0]["node"]
    facts = {fact["name"]: fact["value"] for fact in line["facts"]}
    assert (line["action"], facts["error"].partition(":")[0]) == ("export_failed", "backup.storage_failed")
    assert (await ops.data(EXPORTS, row, actor=STAFF))["exports"] == []


async def test_an_export_that_is_cancelled_stops_at_once_and_leaves_no_file(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    """A worker that was asked to end waited for the whole of it, and half a ZIP was in the way of the next one."""
    database, to = platform.databases.database_name(tenant.cell), tmp_path / "export.zip"
    async with platform.databases.owner(tenant.cell).connect() as holder:
        await holder.exec_driver_sql(
            f"set local role {database}_owner; lock table {tenant.schema}.permit in access exclusive mode"
        )
        exporting = asyncio.create_task(export(platform.copier, tenant, to))
        waits = f"select 1 from pg_locks where relation = '{tenant.schema}.permit'::regclass and not granted"
        while not await _owner_rows(platform, waits):
            assert not exporting.done()
        exporting.cancel()
        async with patience():
            await asyncio.wait([exporting])

    assert exporting.cancelled()
    assert _files(tmp_path) == []


async def test_an_unknown_tenant_is_not_exported(ops: Asking) -> None:
    answer = await ops.data(EXPORT, {"id": global_id("Tenant", PLATFORM, uuid7())}, actor=STAFF)

    assert [error["code"] for error in answer["exportTenant"]["userErrors"]] == ["tenant.not_found"]


async def test_an_export_of_another_tenant_or_a_damaged_one_is_not_fetched(
    platform: Platform, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    await store_export(platform.copier, ours.tenant.id, actor="ann")
    (path,) = _stored(platform, ours)

    with pytest.raises(ExportNotFound):
        await fetch_export(platform.copier, theirs.tenant.id, _id_of(path), tmp_path / "theirs.zip")
    platform.copier.storage.put(path, platform.copier.storage.get(path)[:-1])
    with pytest.raises(CopyDamaged):
        await fetch_export(platform.copier, ours.tenant.id, _id_of(path), tmp_path / "ours.zip")

    assert _files(tmp_path) == []


async def test_an_export_is_removed_after_seven_days_and_with_its_tenant(
    platform: Platform, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    old, gone = await make_tenant(), await make_tenant()
    for one in (old, gone):
        await store_export(platform.copier, one.tenant.id, actor="ann")
    (listed,) = await exports_of(platform.databases, old.tenant.id)
    (path,) = _stored(platform, old)
    now, later = platform.copier.clock(), copy(platform.databases)
    later.clock = lambda: now + KEPT + timedelta(minutes=1)

    await delete_tenant(platform.copier, gone.tenant.id, actor="ann", reason="contract ended")
    assert _stored(platform, gone) == []
    await remove_old_exports(replace(platform.copier, clock=lambda: now + KEPT - timedelta(hours=1)))
    assert _stored(platform, old) == [path]
    await sweep_everything(replace(platform.copier, clock=lambda: now + KEPT + timedelta(minutes=1)))

    assert _stored(platform, old) == []
    assert (listed.id, await exports_of(later, old.tenant.id)) == (_id_of(path), [])
    with pytest.raises(ExportNotFound):
        await fetch_export(platform.copier, old.tenant.id, _id_of(path), tmp_path / "old.zip")


async def test_an_export_that_the_sweep_left_is_found_by_the_audit_and_other_files_are_nobodys_business(
    platform: Platform, tenant: Environment
) -> None:
    """A file with another name once broke the whole sweep."""
    await store_export(platform.copier, tenant.tenant.id, actor="ann")
    (path,) = _stored(platform, tenant)
    other = f"{tenant.tenant.id}/exports/notes.zip.zst.age"
    platform.copier.storage.put(other, b"of somebody")
    now = platform.copier.clock()
    swept = replace(platform.copier, clock=lambda: now + KEPT + timedelta(hours=23))
    late = replace(platform.copier, clock=lambda: now + KEPT + timedelta(hours=25))

    assert path not in [one.schema for one in await find_orphans(swept)]
    found = {one.schema: one.what for one in await find_orphans(late)}
    assert found[path] == "an export whose time is over"
    assert other not in found

    assert await remove_old_exports(late) >= 1
    assert _stored(platform, tenant) == [other]


def _stored(platform: Platform, environment: Environment) -> list[str]:
    return platform.copier.storage.names(f"{environment.tenant.id}/exports")


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _id_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2].partition(".")[0])
