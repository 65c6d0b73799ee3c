"""Backups: what was taken comes back exactly, only the tenant's key opens it, and a damaged one is found out."""

import asyncio
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pyrage
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import select, text, update
from typing_extensions import override

from domain.kernel.actor import Actor
from domain.kernel.audit import AuditEntry
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.backups.actions import back_up, prune, remove, verify
from tenants.backups.retention import to_keep
from tenants.copies.copier import BackupNotFound
from tenants.copies.errors import CopyEnded
from tenants.copies.load import Changes, Stored
from tenants.copies.storage import CopyDamaged, Storage, StorageFailed
from tenants.copies.threads import Progress
from tenants.environments import Environment
from tenants.keys.backups import identity_of
from tenants.migrate import replay
from tenants.migrations.plan import Tree, revisions
from tenants.previews.actions import Who, refresh
from tenants.registry.records import BackupRow, CopyRow
from tests.fixtures.platform import MakeTenant

TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 3, 20, 7, 0, tzinfo=UTC)
ANN = "ann@tomahawku.example"


async def test_a_backup_loaded_into_a_new_schema_has_the_same_shape_and_the_same_rows(
    platform: Platform, tenant: Environment
) -> None:
    await create_administrator(platform, tenant, ANN)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")

    stored = await platform.copier.stored(backup_id, tenant.tenant.id)
    await platform.copier.load(stored, tenant.cell, "s_900001", Changes(), Progress())

    assert await _shape(platform, "s_900001") == await _shape(platform, tenant.schema) != []
    assert await _people(platform, "s_900001") == await _people(platform, tenant.schema) == [ANN]
    await platform.copier.drop(tenant.cell, "s_900001")
    assert await _shape(platform, "s_900001") == []


async def test_a_file_of_a_backup_opens_with_the_tenants_key_and_the_usual_tools_alone(
    platform: Platform, tenant: Environment
) -> None:
    await create_administrator(platform, tenant, ANN)
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    row = await _row(platform, backup_id)
    sealed = (_place(platform) / row.folder / "app_user.copy.zst.age").read_bytes()
    async with platform.databases.control().connect() as connection:
        identity = await identity_of(connection, platform.key_ring, tenant.tenant.id)

    opened = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(identity)])

    assert ANN in zstandard.ZstdDecompressor().decompressobj().decompress(opened).decode()
    assert ANN.encode() not in sealed
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])


async def test_a_backup_is_of_one_moment_while_others_write(platform: Platform, tenant: Environment) -> None:
    """Tables are read one after the other; without one snapshot a row and what points at it could be a moment apart."""
    async with platform.databases.control().begin() as connection:
        before = await connection.scalar(text("select now()"))
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    await create_administrator(platform, tenant, ANN)

    assert await verify(platform.copier, backup_id, tenant) == (await _row(platform, backup_id)).row_count
    assert (await _row(platform, backup_id)).started_at > before


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "manifest"])
async def test_a_damaged_backup_is_found_out_and_leaves_nothing(
    platform: Platform, tenant: Environment, damage: str
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    folder = _place(platform) / (await _row(platform, backup_id)).folder
    _damage(folder, damage)
    schemas = await _schemas(platform)

    with pytest.raises(CopyDamaged):
        await verify(platform.copier, backup_id, tenant)

    assert await _schemas(platform) == schemas
    assert str((await _row(platform, backup_id)).error).startswith("backup.damaged: ")


@pytest.mark.parametrize("name", ["manifest.json", "app_user.copy.zst.age"])
async def test_a_storage_that_does_not_answer_is_not_taken_for_a_damage(
    platform: Platform, tenant: Environment, name: str
) -> None:
    """It was written down as one, and the nightly proof never looked at the backup again."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    file = _place(platform) / (await _row(platform, backup_id)).folder / name
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(file.name)  # which the kernel refuses to open, though there is a file

    with pytest.raises(StorageFailed, match="could not be read"):
        await verify(platform.copier, backup_id, tenant)

    row = await _row(platform, backup_id)
    assert (row.verified_at, row.error) == (None, None)
    file.unlink()
    file.write_bytes(content)
    assert await verify(platform.copier, backup_id, tenant) == row.row_count


async def test_a_backup_that_was_removed_while_it_was_taken_is_not_complete_and_leaves_no_files(
    platform: Platform, tenant: Environment
) -> None:
    """A deletion of the tenant removes what runs too; its last step once said complete, with files of nobody."""
    loop = asyncio.get_running_loop()

    class RemovedMeanwhile(Storage):
        @override
        def put(self, path: str, content: bytes) -> None:
            super().put(path, content)
            folder = path.rpartition("/")[0]
            removing = remove(platform.copier, UUID(folder.rpartition("/")[2]), folder)
            asyncio.run_coroutine_threadsafe(removing, loop).result()

    copier = replace(platform.copier, storage=RemovedMeanwhile(platform.settings.backup_storage))

    with pytest.raises(CopyEnded):
        await back_up(copier, tenant, reason="by hand", actor="ann")

    async with platform.databases.control().connect() as connection:
        states = await connection.scalars(select(BackupRow.state).where(BackupRow.environment_id == tenant.id))
        assert states.all() == ["removed"]
    assert _files(_place(platform) / str(tenant.tenant.id)) == []


async def test_a_schema_that_is_half_dropped_is_not_backed_up(platform: Platform, tenant: Environment) -> None:
    """A backup that began between two of its tables would be whole to all appearance, and lack the first ones."""
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    stored, schema = await platform.copier.stored(backup_id, tenant.tenant.id), "s_900002"
    await platform.copier.load(stored, tenant.cell, schema, Changes(), Progress())
    async with platform.databases.owner("main").connect() as reader:
        owner = sql.Identifier(f"{platform.databases.database_name('main')}_owner").as_string(None)
        await reader.exec_driver_sql(f"set local role {owner}; lock table {schema}.app_user in access share mode")
        dropping = asyncio.create_task(platform.copier.drop(tenant.cell, schema))
        waits = f"select 1 from pg_locks where relation = '{schema}.app_user'::regclass and not granted"
        while not await _owner_rows(platform, waits):
            assert not dropping.done()
        dropping.cancel()
        await asyncio.wait([dropping])

    with pytest.raises(psycopg.errors.UndefinedTable):
        await platform.copier.take(replace(tenant, schema=schema), f"{tenant.tenant.id}/half", Progress())

    await platform.copier.drop(tenant.cell, schema)
    assert schema not in await _schemas(platform)


async def test_a_copy_of_an_older_head_is_changed_when_it_is_at_the_newest(
    platform: Platform, tenant: Environment
) -> None:
    """What a refresh takes out is declared for the tables of now, and a backup is kept for a year."""
    old, new, folder = "s_900003", "s_900004", f"{tenant.tenant.id}/older"
    owner = sql.Identifier(f"{platform.databases.database_name('main')}_owner").as_string(None)
    async with platform.databases.owner("main").begin() as connection:
        begun = f"set local role {owner}; create schema {old}; "
        await connection.exec_driver_sql(begun + replay(old, revisions(Tree.ENVIRONMENT)[:1]))
    taken = await platform.copier.take(replace(tenant, schema=old), folder, Progress())
    async with platform.databases.control().connect() as connection:
        identity = await identity_of(connection, platform.key_ring, tenant.tenant.id)
    stored = Stored(platform.copier.storage, folder, taken.sha256, identity)
    newer = set(platform.copier.sanitiser.rules) - {table.table for table in taken.manifest.tables}
    changes = platform.copier.sanitiser.changes([], old_schema=tenant.schema)
    statements = (*changes.statements, *(f"delete from {table}" for table in sorted(newer)))

    await platform.copier.load(stored, tenant.cell, new, replace(changes, statements=statements), Progress())

    assert newer != set()
    assert await _shape(platform, new) == await _shape(platform, tenant.schema)
    for schema in (old, new):
        await platform.copier.drop(tenant.cell, schema)


async def test_a_full_disk_is_told_and_leaves_no_files(platform: Platform, tenant: Environment, tmp_path: Path) -> None:
    async with platform.databases.work(tenant, Actor.system()) as work:
        canary = AuditEntry(at=NOW, actor_kind="system", actor_name=token_hex(300_000), action="Canary", facts={})
        work.add(canary)
    copier = replace(platform.copier, storage=Storage(tmp_path.as_uri()))

    with _files_of_at_most(100_000), pytest.raises(StorageFailed):
        await back_up(copier, tenant, reason="by hand", actor="ann")

    assert _files(tmp_path) == []
    async with platform.databases.control().connect() as connection:
        states = await connection.scalars(select(BackupRow.state).where(BackupRow.environment_id == tenant.id))
        assert states.all() == ["failed"]


async def test_a_place_that_is_no_folder_is_told(platform: Platform, tenant: Environment) -> None:
    copier = replace(platform.copier, storage=Storage("file:///dev/null/backups"))

    with pytest.raises(StorageFailed, match="cannot be used"):
        await back_up(copier, tenant, reason="by hand", actor="ann")


async def test_without_a_place_nothing_is_backed_up(platform: Platform, tenant: Environment) -> None:
    nowhere = replace(platform.copier, storage=Storage(""))

    with pytest.raises(StorageFailed, match="OPSCOM_BACKUP_STORAGE"):
        await back_up(nowhere, tenant, reason="by hand", actor="ann")


async def test_a_backup_of_another_tenant_is_unknown(platform: Platform, make_tenant: MakeTenant) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    backup_id = await back_up(platform.copier, theirs, reason="by hand", actor="ann")

    with pytest.raises(BackupNotFound):
        await platform.copier.stored(backup_id, ours.tenant.id)


async def test_pruning_removes_files_of_what_no_rule_keeps(platform: Platform, tenant: Environment) -> None:
    moments = [NOW - timedelta(hours=26), NOW - timedelta(hours=27)]
    made = []
    for moment in moments:
        copier = replace(platform.copier, clock=lambda moment=moment: moment)  # type: ignore[misc]
        made.append(await back_up(copier, tenant, reason="nightly", actor="ann"))
    folders = [_place(platform) / (await _row(platform, one)).folder for one in made]

    early = replace(platform.copier, clock=lambda: NOW - timedelta(hours=4))
    assert await prune(early, tenant.id) == 0, "all of the last day are kept"
    copy_id = await refresh(platform.databases, tenant.tenant.id, made[1], Who("ann"))
    assert await prune(replace(platform.copier, clock=lambda: NOW), tenant.id) == 0, "somebody waits for it"
    async with platform.databases.control().begin() as connection:
        await connection.execute(update(CopyRow).where(CopyRow.id == copy_id).values(state="failed"))
    assert await prune(replace(platform.copier, clock=lambda: NOW), tenant.id) == 1

    assert [(folder / "manifest.json").exists() for folder in folders] == [True, False]
    assert [(await _row(platform, one)).state for one in made] == ["complete", "removed"]


def test_seven_days_four_weeks_and_twelve_months_are_kept() -> None:
    nightly = [NOW - timedelta(days=day) for day in range(400)]

    kept = sorted((NOW - moment).days for moment in to_keep(nightly, TORONTO))

    # 20 March 2026 is a Friday; weeks end on Sundays, months on their last day.
    assert kept == [0, 1, 2, 3, 4, 5, 6, 12, 19, 20, 48, 79, 110, 140, 171, 201, 232, 263, 293, 324]


@given(st.sets(st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)), max_size=60))  # noqa: DTZ001
def test_what_is_kept_stays_kept_when_pruning_is_repeated(naive: set[datetime]) -> None:
    moments = {moment.replace(tzinfo=UTC) for moment in naive}
    kept = to_keep(moments, TORONTO)

    assert to_keep(kept, TORONTO) == kept
    assert len(kept) <= 23
    assert not moments or max(moments) in kept


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to write more into a file, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _place(platform: Platform) -> Path:
    return Path(urlsplit(platform.settings.backup_storage).path)


def _damage(folder: Path, damage: str) -> None:
    file = folder / ("manifest.json" if damage == "manifest" else "app_user.copy.zst.age")
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
        return
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)


async def _row(platform: Platform, backup_id: object) -> Any:  # noqa: ANN401
    async with platform.databases.control().connect() as connection:
        return (await connection.execute(select(BackupRow.__table__).where(BackupRow.id == backup_id))).one()


async def _owner_rows(platform: Platform, statement: str, **values: str) -> Sequence[Any]:
    owner = sql.Identifier(f"{platform.databases.database_name('main')}_owner").as_string(None)
    async with platform.databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(f"set local role {owner}")
        return (await connection.execute(text(statement), values)).all()


async def _schemas(platform: Platform) -> list[str]:
    rows = await _owner_rows(
        platform, "select nspname from pg_namespace where nspname like 's_9%' or nspname like 's_0%'"
    )
    return sorted(row[0] for row in rows)


async def _people(platform: Platform, schema: str) -> list[str]:
    return [row[0] for row in await _owner_rows(platform, f"select user_name from {schema}.app_user")]


async def _shape(platform: Platform, schema: str) -> list[str]:
    """Columns, constraints and indexes, without the schema's name."""
    rows = await _owner_rows(
        platform,
        """
        select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
            || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') as line
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = to_regnamespace(:schema) and c.relkind = 'r'
        union all select k.conrelid::regclass::text || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
        from pg_constraint k where k.connamespace = to_regnamespace(:schema)
        union all select indexdef from pg_indexes where schemaname = :schema
        """,
        schema=schema,
    )
    return sorted(row[0].replace(f"{schema}.", "") for row in rows)
