"""What a copy stands on goes away in the middle of it: PostgreSQL, Valkey, the disk, its own worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import select, text

from domain.kernel.actor import Actor
from domain.kernel.audit import AuditEntry
from domain.kernel.clock import utc_now
from jobs.ledger import Ledger
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.platform import Platform, open_platform
from tenants.backups.actions import back_up
from tenants.backups.restoring import restore
from tenants.copies.carrying import Carrier
from tenants.copies.storage import Storage, StorageFailed
from tenants.databases import REGISTRY
from tenants.environments import Environment
from tenants.migrate import migrate_platform
from tenants.previews.actions import refresh
from tenants.registry.actions import NewTenant
from tenants.registry.records import BackupRow
from tests.faults.conftest import Scene
from tests.faults.doomed import running
from tests.faults.test_kills import ANN, run_of
from tests.fixtures.jobs import Desk
from tests.patience import PATIENCE_S
from tests.tenants.test_previews import _copy, _names


async def test_a_worker_that_is_asked_to_end_gives_its_refresh_back_at_once(scene: Scene, tenant: Environment) -> None:
    """Its thread waits for a lock that nobody gives up: once nothing but the lock's end would have ended it."""
    backup_id = await back_up(scene.platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await restore(scene.platform.databases, tenant.id, backup_id, actor="ann", reason="fault")
    run_id = await run_of(scene, copy_id)
    settings = scene.platform.settings.model_copy(update={"grace_s": 0.2})
    async with held(scene.platform, tenant, "lot"), running(["worker"], settings, scene.log()) as worker:
        await scene.desk.until(lambda: waits_for_a_lock(scene.platform))

        os.kill(worker.pid or 0, signal.SIGTERM)
        await asyncio.to_thread(worker.join, PATIENCE_S)

    given_back = await scene.desk.run(run_id)
    assert (worker.exitcode, given_back["state"], given_back["attempt"], given_back["crashes"]) == (0, "queued", 0, 0)
    assert given_back["lease_until"] is None
    await scene.desk.runner().run(run_id)
    assert (await _copy(scene.platform, copy_id)).state == "complete"
    await scene.nothing_is_left()


async def test_valkey_is_flushed_in_the_middle_of_a_refresh(scene: Scene, tenant: Environment) -> None:
    backup_id = await back_up(scene.platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await restore(scene.platform.databases, tenant.id, backup_id, actor="ann", reason="fault")
    run_id = await run_of(scene, copy_id)
    async with scene.desk.working():
        async with held(scene.platform, tenant, "lot"):
            await scene.desk.until(lambda: waits_for_a_lock(scene.platform))
            await scene.platform.bus.redis.flushdb()
        await scene.desk.until_ended(run_id)

    assert (await scene.desk.run(run_id))["state"] == "succeeded"
    assert (await _copy(scene.platform, copy_id)).state == "complete"


async def test_postgres_is_killed_in_the_middle_of_a_backup_and_of_a_refresh(
    platform: Platform, tmp_path: Path
) -> None:
    """The attempt ends as one that may pass, the copy waits, and the next attempt finishes it."""
    with EmbeddedPostgres.start(tmp_path / "postgres", durable=True) as server:
        places = {"database_url": SecretStr(server.url), "backup_storage": (tmp_path / "backups").as_uri()}
        settings = platform.settings.model_copy(update=places)
        async with open_platform(settings, follow=False) as own:
            await migrate_platform(own.databases)
            tenant = await own.provisioner.create_tenant(NewTenant("restarted", "Restarted"), actor="tests")
            desk = Desk(own, Ledger(REGISTRY, own.databases.ledger(REGISTRY)))
            backup_id = await back_up(own.copier, tenant, reason="by hand", actor="ann")
            copy_id = await restore(own.databases, tenant.id, backup_id, actor="ann", reason="fault")
            await refresh(own.databases, tenant.tenant.id, backup_id, ANN)
            first, second = await desk.rows("select id from platform.task_run where task = 'copy' order by id")
            (backing,) = await desk.queue(tenant, "back_up")

            for run_id in (backing, first["id"]):
                await _cut_in_the_middle(desk, server, tenant, run_id)
                run = await desk.run(run_id)
                assert (run["state"], run["error_class"]) == ("queued", "database_unavailable")
                await desk.execute("update platform.task_run set not_before = now()")
                await desk.runner().run(run_id)
                now = await desk.run(run_id)
                assert now["state"] == "succeeded", (now["error_class"], now["error_message"])
            await desk.runner().run(second["id"])

            assert (await _copy(own, copy_id)).state == "complete"
            assert (await desk.run(second["id"]))["state"] == "succeeded"


async def test_a_full_disk_leaves_the_old_data_and_gives_its_space_back(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    """A restore first keeps what it replaces: where that finds no space nothing is replaced."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    async with platform.databases.work(tenant, Actor.system()) as work:
        big = {"actor_kind": "system", "actor_name": token_hex(2_000_000), "action": "Canary", "facts": {}}
        work.add(AuditEntry(at=utc_now(), **big))
    with small_disk(tmp_path, megabytes=1) as place:
        full = replace(platform.copier, storage=Storage(place.as_uri()))
        copy_id = await restore(platform.databases, tenant.id, backup_id, actor="ann", reason="fault")
        before = await _names(platform, tenant)

        with pytest.raises(StorageFailed):
            await Carrier(full, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()
        with pytest.raises(StorageFailed):
            await back_up(full, tenant, reason="by hand", actor="ann")

        assert [path for path in place.rglob("*") if path.is_file()] == []
    copy = await _copy(platform, copy_id)
    assert (copy.state, copy.error_code, copy.to_schema) == ("failed", "backup.storage_failed", None)
    assert await _names(platform, tenant) == before
    async with platform.databases.control().connect() as connection:
        states = await connection.scalars(
            select(BackupRow.state).where(BackupRow.environment_id == tenant.id).order_by(BackupRow.id)
        )
        assert states.all() == ["complete", "failed", "failed"]


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """A file system with so much space; where this process may not mount one the test is left out."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)


@asynccontextmanager
async def held(platform: Platform, environment: Environment, table: str) -> AsyncIterator[None]:
    """Nobody else reads the table meanwhile."""
    async with platform.databases.owner(environment.cell).begin() as connection:
        owner = sql.Identifier(f"{platform.databases.database_name(environment.cell)}_owner")
        lock = sql.SQL("set local role {}; lock table {} in access exclusive mode")
        name = sql.Identifier(environment.schema, table)
        await connection.exec_driver_sql(lock.format(owner, name).as_string(None))
        yield


async def waits_for_a_lock(platform: Platform) -> bool:
    """Whether somebody waits for what is held, in this database: others of the server are other tests'."""
    async with platform.databases.control().connect() as connection:
        waiting = (
            "select count(*) from pg_locks where not granted and mode = 'AccessShareLock'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        return bool(await connection.scalar(text(waiting)))


async def _cut_in_the_middle(desk: Desk, server: EmbeddedPostgres, tenant: Environment, run_id: UUID) -> None:
    holder = await desk.platform.databases.owner_connector(tenant.cell).connect_async()
    await holder.set_autocommit(False)
    name = sql.Identifier(tenant.schema, "lot")
    await holder.execute(
        sql.SQL("set role {}").format(sql.Identifier(f"{desk.platform.databases.database_name(tenant.cell)}_owner"))
    )
    await holder.execute(sql.SQL("lock table {} in access exclusive mode").format(name))
    attempt = asyncio.create_task(desk.runner().run(run_id))
    await desk.until(lambda: waits_for_a_lock(desk.platform))
    server.kill()
    server.restart()
    await attempt
    await holder.close()
