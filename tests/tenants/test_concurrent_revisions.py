"""Revisions that build indexes concurrently, brought to real schemas by the real command of a newer release."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.environments import Environment
from tenants.fleet import AT_ONCE, FAILURES_ALLOWED, behind
from tenants.migrations.concurrent import LARGE_BYTES
from tenants.migrations.plan import Tree, head
from tenants.settings import Settings
from tests.fixtures.cells import NewDatabase
from tests.fixtures.platform import MakeTenant, migrated, tenants_of
from tests.patience import patience
from tests.tenants.release import Release

HEAD = head(Tree.ENVIRONMENT)
BEFORE, INDEXED, NEWEST = "9001", "9002", "9003"
INDEX = "audit_entry_filled_uq"
ROWS, ROW_BYTES = 6_000, 1_500  # of a page of 8,192 bytes there is room for five
FILL = """
    insert into {}.audit_entry (id, at, actor_kind, actor_name, action, facts)
    select gen_random_uuid(), now(), 'system', 'filled', 'entry ' || number, jsonb_build_object('text', repeat('x', {}))
    from generate_series(1, {}) number
"""
BUILDS = """
    select pid from pg_stat_activity
    where datname = current_database() and query ilike 'create %index concurrently%' and wait_event = 'virtualxid'
"""
IS_VALID = """
    select x.indisvalid from pg_index x join pg_class c on c.oid = x.indexrelid
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s
"""


@pytest.fixture(scope="module")
def settings(settings: Settings, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database of its own: what a newer release has made of its schemas is no other test's business."""
    changed = {
        "database_url": new_database("revisions"),
        "namespace": f"{settings.namespace}-revisions",
        "backup_storage": tmp_path_factory.mktemp("revisions").as_uri(),
    }
    return settings.model_validate(settings.model_dump() | changed)


@pytest.fixture(scope="module")
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """This release, which made the tenants."""
    async with migrated(settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def make_tenant(platform: Platform) -> MakeTenant:
    """Provision another tenant of it."""
    return tenants_of(platform)


@pytest.fixture(scope="module")
def release(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The next release: a revision, one that builds an index concurrently and drops one, and another one."""
    made = Release.made(tmp_path_factory.mktemp("release"), settings)
    made.add(BEFORE, "ALTER TABLE audit_entry ADD COLUMN place text")
    built = f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON audit_entry (action) WHERE actor_name = 'filled'"
    made.add(INDEXED, f"{built}; DROP INDEX CONCURRENTLY audit_entry_at_ix")
    made.add(NEWEST, "ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_place_ck CHECK (place <> '')")
    return made


@pytest.fixture
def database(platform: Platform) -> Iterator[Database]:
    """The database that all of them lie in."""
    databases = platform.databases
    with databases.owner_connector("main").connect() as connection:
        yield Database(connection, f"{databases.database_name('main')}_owner")


@dataclass(frozen=True)
class Database:
    """What is asked of the database behind the command's back."""

    connection: psycopg.Connection
    owner: str

    def run(self, statement: str, schema: str, *values: object) -> list[tuple[Any, ...]]:
        """A statement about a schema, as its owner. ``{}`` stands for the schema, then for the values."""
        names = (sql.Identifier(schema), *map(sql.Literal, values))
        with self.connection.transaction():
            self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self.owner)))
            cursor = self.connection.execute(sql.SQL(statement).format(*names))
            return cursor.fetchall() if cursor.description else []

    def filled(self, environment: Environment) -> Environment:
        """Give an environment a table that is large."""
        self.run(FILL, environment.schema, ROW_BYTES, ROWS)
        ((size,),) = self.run("select pg_relation_size('{}.audit_entry')", environment.schema)
        assert size > LARGE_BYTES
        return environment

    def stands(self, environment: Environment) -> tuple[str, bool | None]:
        """Its head, and whether it has the index and the index is valid."""
        ((at,),) = self.run("select version_num from {}.alembic_version", environment.schema)
        found = self.connection.execute(IS_VALID, [environment.schema, INDEX]).fetchone()
        return at, found[0] if found else None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """While somebody in the same database looks at what was there before: a backup of another tenant."""
        with psycopg.connect(self.connection.info.dsn, password=self.connection.info.password) as reader:
            reader.execute("set transaction isolation level repeatable read")
            reader.execute("select 1")
            yield

    async def builder(self) -> int:
        """The server process that builds an index and waits for an older snapshot."""
        ((pid,),) = await self.until(lambda: self.connection.execute(BUILDS).fetchall())
        return int(pid)

    async def ended(self, pid: int) -> None:
        """Wait for the end of a server process."""
        gone = "select 1 where not exists (select from pg_stat_activity where pid = %s)"
        await self.until(lambda: self.connection.execute(gone, [pid]).fetchall())

    async def until(self, ask: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Wait for an answer."""
        async with patience():
            while not (found := ask()):  # noqa: ASYNC110 - it looks into the database
                await asyncio.sleep(0.05)
        return found


async def test_small_and_large_schemas_come_to_head_and_so_do_new_ones_and_copies(
    platform: Platform, make_tenant: MakeTenant, release: Release, database: Database
) -> None:
    large = [database.filled(await make_tenant()) for _ in range(2)]
    small = await make_tenant()
    backup = await back_up(platform.copier, large[0], reason="of the release before", actor="tests")

    before = await _run(release, "migrate", "--status")
    migrated = await _run(release, "migrate")
    made = await _run(release, "tenant", "create", "later", "--name", "Later", "--admin", "ann@later.example")
    proven = await _run(release, "backup", "verify", large[0].tenant.slug, str(backup))
    audited = await _run(release, "audit")

    assert (before.returncode, migrated.returncode, made.returncode) == (1, 0, 0), migrated.stderr + made.stderr
    for one in (*large, small):
        assert f"{one.schema}: {HEAD} -> {NEWEST}\n" in migrated.stdout
        assert database.stands(one) == (NEWEST, True)
    assert proven.stdout.startswith("whole: "), proven.stderr
    assert " environments, 0 findings" in audited.stdout
    assert await behind(platform.databases) == [], "for the release before, a newer head is none to leave"


async def test_small_schemas_wait_for_no_snapshot_of_somebody_else(
    make_tenant: MakeTenant, release: Release, database: Database
) -> None:
    small = await make_tenant()

    with database.snapshot():
        migrated = await _run(release, "migrate")

    assert migrated.returncode == 0, migrated.stderr
    assert database.stands(small) == (NEWEST, True)


async def test_killed_in_the_middle_of_a_build_and_repeated(
    make_tenant: MakeTenant, release: Release, database: Database
) -> None:
    tenants = [database.filled(await make_tenant()) for _ in range(3)]
    with database.snapshot(), release.running("migrate") as command:
        builder = await database.builder()
        command.kill()
        database.connection.execute("select pg_terminate_backend(%s)", [builder])
        await database.ended(builder)
    left = [database.stands(one) for one in tenants]

    repeated = await _run(release, "migrate")

    assert sorted(left, key=str) == [(HEAD, None), (HEAD, None), (BEFORE, False)], "the canary's index is not valid"
    assert repeated.returncode == 0, repeated.stderr
    assert [database.stands(one) for one in tenants] == [(NEWEST, True)] * 3
    assert "0 findings" in (await _run(release, "audit")).stdout


async def test_a_tenant_whose_rows_forbid_the_index_fails_alone_and_keeps_nothing_of_it(
    make_tenant: MakeTenant, release: Release, database: Database
) -> None:
    canary, wrong, other = [database.filled(await make_tenant()) for _ in range(3)]
    _fill_again(database, wrong)

    failed = await _run(release, "migrate")
    status = await _run(release, "migrate", "--status")

    assert (failed.returncode, status.returncode) == (1, 1)
    assert "migrations.failed: 1 of 3" in failed.stderr
    why = f'could not create unique index "{INDEX}"'
    assert f"{wrong.schema}: {HEAD} -> {BEFORE}: {why}" in failed.stdout
    assert [database.stands(one) for one in (canary, wrong, other)] == [(NEWEST, True), (BEFORE, None), (NEWEST, True)]
    assert f"{BEFORE}\t1 environments\t1 failed\tindexes are next\n" in status.stdout
    assert f"{wrong.tenant.slug}\t{wrong.schema}\t{why}\n" in status.stdout
    _empty(database, wrong)
    assert (await _run(release, "migrate")).returncode == 0
    assert database.stands(wrong) == (NEWEST, True)


async def test_when_the_index_fails_in_too_many_the_rest_is_left_alone(
    make_tenant: MakeTenant, release: Release, database: Database
) -> None:
    canary, *wrong = [database.filled(await make_tenant()) for _ in range(FAILURES_ALLOWED + AT_ONCE + 2)]
    for one in wrong:
        _fill_again(database, one)

    aborted = await _run(release, "migrate")

    assert "migrations.aborted: " in aborted.stderr
    assert database.stands(canary) == (NEWEST, True)
    assert {database.stands(one) for one in wrong} == {(BEFORE, None), (HEAD, None)}
    for one in wrong:
        _empty(database, one)
    assert (await _run(release, "migrate")).returncode == 0
    assert {database.stands(one) for one in (canary, *wrong)} == {(NEWEST, True)}


def test_the_registry_and_the_run_ledgers_have_no_such_revisions(settings: Settings, tmp_path: Path) -> None:
    """They are brought to head in one transaction, in which it would hold up everybody."""
    release = Release.made(tmp_path, settings)
    release.add("9001", "CREATE INDEX CONCURRENTLY task_run_wrong_ix ON task_run (state)", Tree.CELL)

    refused = release.run("migrate")

    assert refused.returncode == 1
    assert "cell 9001: this tree is brought to head in one transaction" in refused.stderr


async def _run(release: Release, *words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(release.run, *words)


def _fill_again(database: Database, environment: Environment) -> None:
    """Two entries of one name."""
    database.run(FILL, environment.schema, 1, 1)


def _empty(database: Database, environment: Environment) -> None:
    database.run("delete from {}.audit_entry where actor_name = 'filled'", environment.schema)
