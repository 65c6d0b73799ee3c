"""Indexes beside the traffic: which statements are taken, what a broken build leaves, and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy import text

from domain.kernel.actor import Actor
from domain.users.models import Role
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.migrations.concurrent import ConcurrentIndex, NotConcurrent, are_for_traffic, build, concurrent_indexes
from tenants.migrations.plan import Revision
from tests.fixtures.platform import MakeTenant
from tests.patience import patience
from tests.tenants.test_fleet import _run

INDEXES = concurrent_indexes(
    "CREATE UNIQUE INDEX CONCURRENTLY role_planted_uq ON role (lower(name)) WHERE id IS NOT NULL;"
)
DROPPED = concurrent_indexes("DROP INDEX CONCURRENTLY role_planted_uq")
VALID = """
    select x.indexrelid, x.indisvalid from pg_index x join pg_class c on c.oid = x.indexrelid
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = :schema and c.relname = 'role_planted_uq'
"""
WAITING = """
    select count(*) filter (where wait_event = 'virtualxid' and query ilike 'create unique index concurrently%'
            and clock_timestamp() - query_start > make_interval(secs => :seconds)),
        count(*) filter (where state = 'idle' and query like '%pg_try_advisory_lock%')
    from pg_stat_activity where datname = current_database()
"""


def test_statements_are_read_from_a_revision_and_run_plainly_in_a_transaction() -> None:
    text = (
        "CREATE UNIQUE INDEX CONCURRENTLY Lot_Name_uq ON lot (name);\n\n"
        "create index  concurrently lot_note_ix on lot using gin (note);\n\nDROP INDEX CONCURRENTLY lot_old_ix;"
    )

    revision = Revision("0009", text, concurrent_indexes(text))

    assert [(index.name, index.table) for index in revision.concurrent] == [
        ("lot_name_uq", "lot"),
        ("lot_note_ix", "lot"),
        ("lot_old_ix", None),
    ]
    assert revision.plain.splitlines() == [
        "CREATE UNIQUE INDEX Lot_Name_uq ON lot (name);",
        "create index  lot_note_ix on lot using gin (note);",
        "DROP INDEX IF EXISTS lot_old_ix;",
    ]
    assert (
        concurrent_indexes("CREATE INDEX lot_name_ix ON lot (name); ALTER TABLE lot ADD COLUMN concurrently text") == ()
    )


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE lot ADD COLUMN colour text; CREATE INDEX CONCURRENTLY lot_colour_ix ON lot (colour)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS lot_colour_ix ON lot (colour)",
        "CREATE INDEX CONCURRENTLY ON lot (colour)",
        "CREATE INDEX CONCURRENTLY lot_colour_ix ON s_000001.lot (colour)",
        'CREATE INDEX CONCURRENTLY "Lot" ON lot (colour)',
        "CREATE INDEX CONCURRENTLY lot_colour_ix ON ONLY lot (colour)",
        "DROP INDEX CONCURRENTLY IF EXISTS lot_colour_ix",
        "REINDEX INDEX CONCURRENTLY lot_colour_ix",
        "DROP INDEX CONCURRENTLY one_ix, other_ix",
    ],
)
def test_what_could_not_be_repeated_safely_is_refused(text: str) -> None:
    with pytest.raises(NotConcurrent, match="has nothing but CREATE"):
        concurrent_indexes(text)


@pytest.mark.parametrize(
    ("text", "is_needed"),
    [
        ("ALTER TABLE t ADD COLUMN a text", True),
        ("CREATE INDEX CONCURRENTLY t_a_ix ON t (a); create  index concurrently t_b_ix ON t (b)", False),
        ("CREATE INDEX CONCURRENTLY t_a_ix ON t (a); CREATE UNIQUE INDEX CONCURRENTLY t_a_uq ON t (a)", True),
        ("CREATE INDEX CONCURRENTLY t_a_ix ON t (a); DROP INDEX CONCURRENTLY t_a_uq", True),
    ],
)
def test_only_indexes_that_are_built_and_not_unique_are_not_needed(text: str, *, is_needed: bool) -> None:
    assert Revision("1", text, concurrent_indexes(text)).is_needed is is_needed


async def test_everybody_writes_while_an_index_is_built(platform: Platform, tenant: Environment) -> None:
    async with _older_snapshot(platform):
        building = asyncio.create_task(_build(platform, tenant))
        await _until_waiting(platform, building=1)
        async with patience(), platform.databases.work(tenant, Actor.system()) as work:
            work.add(Role(name="Attendants", permissions=[]))

        assert not building.done()
    await building
    assert [valid for _, valid in await _found(platform, tenant)] == [True]


async def test_a_build_takes_as_long_as_it_takes(platform: Platform, tenant: Environment) -> None:
    """Whatever time-out the server has for statements."""
    async with _ddl(platform) as connection:
        await connection.execute("set statement_timeout = '500ms'")
        async with _older_snapshot(platform):
            building = asyncio.create_task(build(connection, _owner(platform), tenant.schema, INDEXES))
            await _until_waiting(platform, building=1, seconds=0.6)
        await building

    assert [valid for _, valid in await _found(platform, tenant)] == [True]


async def test_two_builds_of_one_database_follow_one_another(platform: Platform, make_tenant: MakeTenant) -> None:
    """Those whose turn it is not hold no snapshot meanwhile, which the build would wait for."""
    one, other = await make_tenant(), await make_tenant()
    async with _older_snapshot(platform):
        building = [asyncio.create_task(_build(platform, tenant)) for tenant in (one, other, other)]
        await _until_waiting(platform, building=1, idle=2)

        assert [task.done() for task in building] == [False] * 3
    await asyncio.gather(*building)
    assert [valid for tenant in (one, other) for _, valid in await _found(platform, tenant)] == [True, True]


async def test_what_a_broken_build_left_is_built_again_and_what_is_whole_is_left_alone(
    platform: Platform, tenant: Environment
) -> None:
    await _break(platform, tenant)
    ((broken, was_valid),) = await _found(platform, tenant)

    await _build(platform, tenant)
    ((built, is_valid),) = await _found(platform, tenant)
    await _build(platform, tenant)

    assert (was_valid, is_valid) == (False, True)
    assert built != broken
    assert await _found(platform, tenant) == [(built, True)]


async def test_what_an_earlier_try_began_is_not_begun_again_in_a_transaction(
    platform: Platform, tenant: Environment
) -> None:
    """A table may have become small meanwhile, and a plain statement would fail at what is there."""
    async with _ddl(platform) as connection, connection.transaction():
        await connection.execute(f"set local role {_owner(platform)}".encode())
        assert not await are_for_traffic(connection, tenant.schema, INDEXES)

        await connection.execute(f"create index role_planted_uq on {tenant.schema}.role (name)".encode())

        assert await are_for_traffic(connection, tenant.schema, INDEXES)
        assert not await are_for_traffic(connection, tenant.schema, DROPPED)


async def test_rows_that_forbid_an_index_leave_nothing_of_it(platform: Platform, tenant: Environment) -> None:
    await _run(platform, _twice(tenant))

    with pytest.raises(psycopg.errors.UniqueViolation):
        await _build(platform, tenant)

    assert await _found(platform, tenant) == []


async def test_a_dropped_index_may_be_gone_already(platform: Platform, tenant: Environment) -> None:
    await _build(platform, tenant)

    for _ in range(2):
        await _build(platform, tenant, DROPPED)
    await _run(platform, f"set local search_path = {tenant.schema}; {DROPPED[0].plain}")

    assert await _found(platform, tenant) == []


async def test_the_connection_serves_other_schemas_afterwards_as_if_nothing_had_been(
    platform: Platform, tenant: Environment
) -> None:
    await _run(platform, _twice(tenant))
    async with _ddl(platform) as connection:
        asked = "select current_user, " + ", ".join(
            f"current_setting('{name}')" for name in ("search_path", "lock_timeout", "statement_timeout")
        )
        before = await (await connection.execute(asked.encode())).fetchone()

        with pytest.raises(psycopg.errors.UniqueViolation):
            await build(connection, _owner(platform), tenant.schema, INDEXES)

        assert await (await connection.execute(asked.encode())).fetchone() == before
        locks = await connection.execute(
            "select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        )
        assert await locks.fetchall() == []


async def _build(platform: Platform, tenant: Environment, indexes: tuple[ConcurrentIndex, ...] = INDEXES) -> None:
    async with _ddl(platform) as connection:
        await build(connection, _owner(platform), tenant.schema, indexes)


async def _break(platform: Platform, tenant: Environment) -> None:
    """Leave an index that is not valid, as a killed build does."""
    await _run(platform, _twice(tenant))
    async with _ddl(platform) as connection:
        await connection.execute(f"set role {_owner(platform)}".encode())
        await connection.execute(f"set search_path = {tenant.schema}".encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute(INDEXES[0].statement.encode())
    await _run(platform, f"delete from {tenant.schema}.role where name = 'TWICE'")


def _twice(tenant: Environment) -> str:
    return ";".join(
        f"insert into {tenant.schema}.role values (gen_random_uuid(), '{name}', '{{}}')" for name in ("Twice", "TWICE")
    )


async def _found(platform: Platform, tenant: Environment) -> list[tuple[int, bool]]:
    """The index in a tenant's schema, and whether it is valid."""
    async with platform.databases.owner("main").connect() as connection:
        rows = await connection.execute(text(VALID), {"schema": tenant.schema})
        return [(row.indexrelid, row.indisvalid) for row in rows]


@asynccontextmanager
async def _older_snapshot(platform: Platform) -> AsyncIterator[None]:
    """While somebody in the same database looks at what was there before: a backup of another tenant."""
    engine = platform.databases.owner("main").execution_options(isolation_level="REPEATABLE READ")
    async with engine.connect() as reader:
        await reader.execute(text("select 1"))
        yield


async def _until_waiting(platform: Platform, *, building: int, idle: int = 0, seconds: float = 0) -> None:
    """Wait until so many builds wait for an older snapshot for so long, and so many others for their turn."""
    engine = platform.databases.owner("main").execution_options(isolation_level="AUTOCOMMIT")
    async with patience(), engine.connect() as connection:
        while tuple((await connection.execute(text(WAITING), {"seconds": seconds})).one()) != (building, idle):  # noqa: ASYNC110 - it looks into the database
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _ddl(platform: Platform) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await platform.databases.owner_connector("main").connect_async() as connection:
        yield connection


def _owner(platform: Platform) -> str:
    return f"{platform.databases.database_name('main')}_owner"
