"""The wall between environments stands in the database itself: whatever our code forgets, PostgreSQL refuses.

With negative controls: the same question must find the leak where the binding is replaced by a weaker one, or a wall
test that can not fail would prove nothing.
"""

from collections.abc import AsyncIterator
from itertools import permutations

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.kernel.actor import Actor
from domain.kernel.audit import AuditEntry
from domain.kernel.clock import utc_now
from domain.kernel.errors import StaleEnvironment
from domain.kernel.ledger import Trigger
from opscom.platform import Platform
from tenants.binding import Unbound
from tenants.cells.grants import schema_grant_statements
from tenants.databases import REGISTRY
from tenants.environments import Environment
from tests.fixtures.platform import MakeTenant

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


@pytest.fixture
async def pair(make_tenant: MakeTenant, platform: Platform) -> tuple[Environment, Environment]:
    """Two environments, each with a canary row in its audit."""
    both = (await make_tenant(), await make_tenant())
    for environment in both:
        async with platform.databases.work(environment, Actor.system(environment.tenant.slug)) as work:
            work.add(_canary(environment))
    return both


@pytest.fixture
async def app(platform: Platform) -> AsyncIterator[psycopg.AsyncConnection]:
    """A raw connection of the application's login."""
    async with await _connect(platform, "app") as connection:
        yield connection


def _canary(environment: Environment) -> AuditEntry:
    return AuditEntry(
        at=utc_now(),
        actor_kind="system",
        actor_id=None,
        actor_name=environment.tenant.slug,
        action="Canary",
        facts={},
        before=None,
        after=None,
    )


async def test_no_role_reads_another_environments_path(
    pair: tuple[Environment, Environment], app: psycopg.AsyncConnection
) -> None:
    """Every pair (role A, path B): by path and by qualified name, for reading and for writing."""
    for mine, other in permutations(pair, 2):
        for statement in (
            "select * from audit_entry",
            f"select * from {other.schema}.audit_entry",
            f"insert into {other.schema}.audit_entry select * from {other.schema}.audit_entry",
            f"delete from {other.schema}.lot",
        ):
            with pytest.raises(REFUSED):
                await _as(app, mine.role, other.schema, statement)


async def test_the_login_by_itself_reaches_no_environment_no_ledger_and_no_registry(
    pair: tuple[Environment, Environment], app: psycopg.AsyncConnection
) -> None:
    for table in (f"{pair[0].schema}.audit_entry", "platform.task_run", "registry.tenant", "registry.data_key"):
        with pytest.raises(REFUSED):
            await app.execute(sql.SQL("select * from {}").format(sql.SQL(table)))
        await app.rollback()


async def test_the_application_is_no_superuser_and_owns_nothing(app: psycopg.AsyncConnection) -> None:
    row = await (await app.execute("select current_setting('is_superuser'), current_user")).fetchone()
    assert row is not None
    owned = await (
        await app.execute("select count(*) from pg_class where pg_get_userbyid(relowner) = current_user")
    ).fetchone()

    assert row[0] == "off"
    assert owned == (0,)


async def test_an_environment_sees_its_own_runs_only(
    pair: tuple[Environment, Environment], app: psycopg.AsyncConnection, platform: Platform
) -> None:
    mine, other = pair
    async with platform.databases.work(other, Actor.system()) as work:
        work.enqueue("canary", {}, Trigger.EVENT)

    seen = await _as(app, mine.role, mine.schema, "select environment from platform.task_run")
    theirs = await _as(app, other.role, other.schema, "select distinct environment from platform.task_run")

    assert (other.role,) not in seen
    assert theirs == [(other.role,)]


async def test_the_ledgers_policy_can_use_an_index(tenant: Environment, app: psycopg.AsyncConnection) -> None:
    """Once it compared text with a name: every look at one's own runs read the runs of all tenants."""
    plan = await _as(
        app,
        tenant.role,
        tenant.schema,
        "explain (costs off) select id from platform.task_run",
        "set local enable_seqscan = off",
    )

    assert any("Index Cond: (environment = " in str(row[0]) for row in plan), plan


async def test_an_environment_cannot_forge_a_run_of_another(
    pair: tuple[Environment, Environment], app: psycopg.AsyncConnection
) -> None:
    mine, other = pair
    forged = (
        "insert into platform.task_run (id, environment, task, trigger)"
        f" values (gen_random_uuid(), '{other.role}', 'forged', 'event')"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await _as(app, mine.role, mine.schema, forged)


async def test_the_audit_only_grows(tenant: Environment, app: psycopg.AsyncConnection) -> None:
    for statement in ("delete from audit_entry", "update audit_entry set action = 'x'", "truncate audit_entry"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await _as(app, tenant.role, tenant.schema, statement)


async def test_an_environment_cannot_make_tables_anywhere(tenant: Environment, app: psycopg.AsyncConnection) -> None:
    for table in (f"{tenant.schema}.mine", "public.mine", "platform.mine", "registry.mine"):
        with pytest.raises(REFUSED):
            await _as(app, tenant.role, tenant.schema, f"create table {table} (a int)")


async def test_without_an_environment_no_statement_is_sent(platform: Platform, tenant: Environment) -> None:
    address = platform.databases._address(tenant.cell)  # noqa: SLF001 - the engine nobody is handed
    unbound = platform.databases._engine(address, "app")  # noqa: SLF001

    with pytest.raises(Unbound):
        async with unbound.connect() as connection:
            await connection.execute(text("select 1"))


async def test_work_reads_and_writes_its_own_environment(
    pair: tuple[Environment, Environment], platform: Platform
) -> None:
    for environment in pair:
        async with platform.databases.snapshot(environment, Actor.guest()) as snapshot:
            names = await snapshot.scalars(select(AuditEntry.actor_name).where(AuditEntry.action == "Canary"))

        assert names == [environment.tenant.slug]


async def test_the_grant_is_the_switch(tenant: Environment, platform: Platform) -> None:
    """A process with a stale map is told so by the database; nothing is written into the retired schema."""
    async with platform.databases.owner(tenant.cell).begin() as connection:
        await connection.exec_driver_sql(_owner(platform))
        await connection.exec_driver_sql(f"revoke usage on schema {tenant.schema} from {tenant.role}")

    with pytest.raises(StaleEnvironment):
        async with platform.databases.work(tenant, Actor.system()) as work:
            work.add(_canary(tenant))
    async with platform.databases.snapshot(tenant, Actor.guest()) as snapshot:
        with pytest.raises(StaleEnvironment):
            await snapshot.scalars(select(AuditEntry.id))

    async with platform.databases.owner(tenant.cell).begin() as connection:
        await connection.exec_driver_sql(_owner(platform))
        await connection.exec_driver_sql(schema_grant_statements(tenant.schema, tenant.role))
    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(_canary(tenant))


async def test_control_a_path_set_for_the_whole_connection_leaks(
    pair: tuple[Environment, Environment], platform: Platform
) -> None:
    """Negative control: bound by a plain SET as a powerful login, the next borrower reads the wrong environment."""
    mine, other = pair
    async with await _connect(platform, "ddl") as powerful:
        await powerful.execute(_owner(platform).replace("local ", ""))
        await powerful.execute(sql.SQL("set search_path = {}").format(sql.Identifier(mine.schema)))
        await powerful.commit()
        rows = await (await powerful.execute("select actor_name from audit_entry where action = 'Canary'")).fetchall()

    assert rows == [(mine.tenant.slug,)], "the leak this suite exists for must be visible to it"
    assert other.tenant.slug != mine.tenant.slug


async def test_control_one_role_for_all_reads_every_environment(
    pair: tuple[Environment, Environment], platform: Platform
) -> None:
    """Negative control: with the right of the owner instead of an environment's role the wall is not there."""
    mine, other = pair
    async with AsyncSession(platform.databases.owner(mine.cell)) as session:
        await session.execute(text(_owner(platform)))
        rows = await session.execute(text(f"select actor_name from {other.schema}.audit_entry where action = 'Canary'"))

        assert rows.scalars().all() == [other.tenant.slug]


def _owner(platform: Platform) -> str:
    return f'set local role "{platform.databases.database_name(REGISTRY)}_owner"'


async def _connect(platform: Platform, login: str) -> psycopg.AsyncConnection:
    database = platform.databases.database_name(REGISTRY)
    user = f"{database}_{login}"
    url = make_url(platform.settings.database_url.get_secret_value())
    url = url.set(username=user, password=platform.key_ring.login_password(user))
    return await psycopg.AsyncConnection.connect(url.render_as_string(hide_password=False))


async def _as(
    connection: psycopg.AsyncConnection, role: str, schema: str, statement: str, before: str = "select 1"
) -> list[tuple[object, ...]]:
    """One statement in one transaction, bound as our binding does it, but with role and path chosen freely."""
    try:
        begin = sql.SQL("set local search_path = {}, pg_temp; set local role {}")
        await connection.execute(begin.format(sql.Identifier(schema), sql.Identifier(role)))
        await connection.execute(before)
        cursor = await connection.execute(statement)
        return await cursor.fetchall() if cursor.description else []
    finally:
        await connection.rollback()
