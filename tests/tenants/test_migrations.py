"""Migrations: models and revisions agree, released revisions never change, and two commands at once do no harm."""

import asyncio
import re
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Column, Engine, Index, Integer, MetaData, Table, Text, create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.kernel.model import Model, Preview
from opscom.models import all_metadata
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.fleet import migrate_environments
from tenants.migrate import migrate_platform, replay
from tenants.migrations.concurrent import concurrent_indexes
from tenants.migrations.draft import difference, draft
from tenants.migrations.forward import Migrated, step_forward
from tenants.migrations.plan import HERE, Tree, after, head, revisions
from tests.patience import patience
from tests.tenants.test_fleet import _empty, _run

METADATA = all_metadata()
HEAD = head(Tree.ENVIRONMENT)
WAITING = "select count(*) from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())"
FORBIDDEN = re.compile(r"\b(registry|platform|public|s_\d{6})\.", re.IGNORECASE)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """The provisioner's own connection."""
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("tree", list(Tree))
def test_models_and_revisions_agree(engine: Engine, tree: Tree) -> None:
    with engine.connect() as connection:
        assert difference(connection, tree, METADATA[tree]) == ""
        connection.rollback()


def test_control_a_missing_column_is_noticed(engine: Engine) -> None:
    """Negative control of the test above."""
    changed = MetaData(naming_convention=Model.metadata.naming_convention)
    for table in Model.metadata.sorted_tables:
        table.to_metadata(changed)
    changed.tables["lot"].columns["name"].nullable = True

    with engine.connect() as connection:
        assert "ALTER TABLE lot ALTER COLUMN name" in difference(connection, Tree.ENVIRONMENT, changed)
        connection.rollback()


def test_a_draft_leaves_indexes_of_tables_with_rows_to_a_revision_that_builds_them_concurrently(engine: Engine) -> None:
    changed = MetaData(naming_convention=Model.metadata.naming_convention)
    for table in Model.metadata.sorted_tables:
        table.to_metadata(changed)
    sticker = Table("sticker", changed, Column("id", Integer, primary_key=True), Column("name", Text, index=True))
    lot = changed.tables["lot"]
    Index("lot_planted_uq", lot.c.name, lot.c.id, unique=True)
    lot.indexes.discard(next(index for index in lot.indexes if index.name == "lot_name_uq"))

    with engine.connect() as connection:
        first = draft(connection, Tree.ENVIRONMENT, changed, "stickers: Have a name")
        changed.remove(sticker)
        second = draft(connection, Tree.ENVIRONMENT, changed, "lots: Find them")
        connection.rollback()

    assert first is not None
    assert second is not None
    assert first.path.name == f"{int(HEAD) + 1:04d}_stickers_have_a_name.py"
    assert "CREATE TABLE sticker" in first.text
    assert "CREATE INDEX sticker_name_ix ON sticker (name);" in first.text
    assert "INDEX lot_" not in first.text
    assert {index.statement for index in concurrent_indexes(second.text.split('"""')[-2])} == {
        "CREATE UNIQUE INDEX CONCURRENTLY lot_planted_uq ON lot (name, id)",
        "DROP INDEX CONCURRENTLY lot_name_uq",
    }


@pytest.mark.parametrize("tree", list(Tree))
def test_released_revisions_never_change(tree: Tree) -> None:
    frozen = (HERE / tree / "frozen.txt").read_text().split()

    assert frozen == [f"{revision.name}:{revision.digest}" for revision in revisions(tree)]


def test_revisions_of_an_environment_name_no_schema() -> None:
    for revision in revisions(Tree.ENVIRONMENT):
        assert FORBIDDEN.search(revision.sql) is None


@pytest.mark.parametrize("metadata", [Model.metadata])
def test_every_table_says_what_a_preview_does_with_it(metadata: MetaData) -> None:
    for mapper in Model.registry.mappers:
        assert isinstance(mapper.class_.__preview__, Preview), f"{mapper.class_.__name__} declares no __preview__"
    assert metadata.tables


def test_a_head_newer_than_the_code_needs_nothing() -> None:
    assert after(Tree.ENVIRONMENT, "9999_from_the_future") == ()
    assert after(Tree.ENVIRONMENT, head(Tree.ENVIRONMENT)) == ()
    assert after(Tree.ENVIRONMENT, "") == revisions(Tree.ENVIRONMENT)


async def test_migrating_twice_changes_nothing(platform: Platform, tenant: Environment) -> None:
    await migrate_platform(platform.databases)

    assert await migrate_environments(platform.databases) == []
    again = await _forward(platform, tenant.schema, HEAD)
    assert (again.before, again.after, again.error) == (HEAD, HEAD, "")


async def test_a_schema_decides_itself_where_it_stands(platform: Platform, tenant: Environment) -> None:
    """The registry may have missed the end of a migration."""
    behind = revisions(Tree.ENVIRONMENT)[0].name

    assert [(await _forward(platform, tenant.schema, believed)).before for believed in ("", behind)] == [HEAD, HEAD]


async def test_a_schema_that_cannot_be_migrated_is_reported_and_left_whole(platform: Platform) -> None:
    for believed in ("", revisions(Tree.ENVIRONMENT)[0].name):
        with pytest.raises(psycopg.Error, match=r"no schema has been selected|does not exist"):
            await _forward(platform, "s_999999", believed)

    async with platform.databases.control().connect() as connection:
        assert await connection.scalar(text("select to_regnamespace('s_999999')")) is None


async def test_of_two_commands_at_once_the_second_finds_what_the_first_has_done(
    platform: Platform, tenant: Environment
) -> None:
    first = revisions(Tree.ENVIRONMENT)[0]
    await _empty(platform, tenant.schema)
    await _run(platform, replay(tenant.schema, [first]))
    async with platform.databases.owner("main").connect() as connection:
        await connection.exec_driver_sql(f"set role {platform.databases.database_name('main')}_owner")
        await connection.exec_driver_sql(f"lock table {tenant.schema}.app_user in row exclusive mode")
        both = asyncio.gather(*(_forward(platform, tenant.schema, first.name) for _ in range(2)))
        await _until_waiting(connection, 2)
        await connection.rollback()

    assert sorted((one.before, one.after) for one in await both) == [(first.name, HEAD), (HEAD, HEAD)]


async def test_nobody_queues_up_for_long_behind_a_migration_that_waits_for_the_run_ledger(platform: Platform) -> None:
    """It asks for the ledger's tables alone, and who asks after it waits for it too."""
    ledger, reads = platform.databases.ledger("main"), text("select count(*) from platform.task_run")
    async with ledger.connect() as slow, ledger.connect() as quick:
        await slow.execute(reads)
        migrating = asyncio.create_task(migrate_platform(platform.databases))
        await _until_waiting(quick, 1)
        await quick.execute(text("set local lock_timeout = '60s'"))
        await quick.execute(reads)

        assert not migrating.done()
    await migrating


async def _until_waiting(connection: AsyncConnection, number: int) -> None:
    """Wait until so many wait for locks in this database."""
    async with patience():
        while await connection.scalar(text(WAITING)) != number:  # noqa: ASYNC110 - it looks into the database
            await asyncio.sleep(0.01)


async def _forward(platform: Platform, schema: str, believed: str) -> Migrated:
    databases = platform.databases
    async with await databases.owner_connector("main").connect_async() as connection:
        return await step_forward(connection, f"{databases.database_name('main')}_owner", schema, believed)
