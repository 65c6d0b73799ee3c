"""Migrating all environments: the canary, the end when too many fail, what is kept of each, and going on after a kill."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select, text, update

from domain.kernel.actor import Actor
from opscom.platform import Platform
from tenants.environments import Environment, State
from tenants.fleet import (
    FAILURES_ALLOWED,
    CanaryFailed,
    MigrationsFailed,
    TooManyFailed,
    behind,
    failures,
    head_counts,
    migrate_environments,
)
from tenants.lifecycle.actions import set_state
from tenants.migrations.forward import Migrated
from tenants.migrations.plan import Tree, head
from tenants.registry.models import EnvironmentRow
from tests.fixtures.platform import MakeTenant
from tests.tenants.test_previews import _refreshed

HEAD = head(Tree.ENVIRONMENT)


@pytest.fixture(autouse=True)
async def mended(platform: Platform) -> AsyncIterator[None]:
    """No test begins with an environment that another one left behind."""
    await _mend(platform)
    yield
    await _mend(platform)


async def test_all_that_are_behind_come_to_head_suspended_ones_too(platform: Platform, make_tenant: MakeTenant) -> None:
    tenants = [await make_tenant() for _ in range(4)]
    await set_state(platform.databases, tenants[0].tenant.id, State.SUSPENDED, actor="ann", reason="unpaid")
    await _set_back(platform, *tenants)
    told: list[str] = []

    results = await migrate_environments(platform.databases, tell=lambda one: told.append(one.schema))

    assert sorted(told) == sorted(tenant.schema for tenant in tenants)
    assert {(one.before, one.after, one.error) for one in results} == {("", HEAD, "")}
    assert await migrate_environments(platform.databases) == []
    assert [(count.head, count.failed) for count in await head_counts(platform.databases)] == [(HEAD, 0)]
    for tenant in tenants[1:]:
        async with platform.databases.work(tenant, Actor.system()) as work:
            await platform.provisioner.furnish(work, tenant)


async def test_tables_that_a_revision_adds_are_granted_to_who_may_use_the_others(
    platform: Platform, tenant: Environment
) -> None:
    added = ("one_time_link", "message", "preview_guest", "mail_settings", "capture")
    await _run(platform, "".join(f"drop table {tenant.schema}.{table} cascade;" for table in added))
    await _run(platform, f"update {tenant.schema}.alembic_version set version_num = '0001'")
    await _set_head(platform, tenant, "0001")

    (result,) = await migrate_environments(platform.databases)

    assert (result.before, result.after, result.error) == ("0001", HEAD, "")
    async with platform.databases.work(tenant, Actor.system()) as work:
        for table in added:
            assert await work.rows(select(func.count()).select_from(text(table)))


async def test_a_preview_is_the_canary_and_when_it_fails_nobody_else_is_touched(
    platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    await _set_back(platform, tenant, preview)
    await _run(platform, f"create table {preview.schema}.lot ()")

    with pytest.raises(CanaryFailed) as failed:
        await migrate_environments(platform.databases)

    assert failed.value.details["schema"] == preview.schema
    assert [one.schema for one in await behind(platform.databases)] == [preview.schema, tenant.schema]
    assert [one.schema for one in await failures(platform.databases)] == [preview.schema]


async def test_one_that_fails_stops_nobody_and_its_error_is_kept(platform: Platform, make_tenant: MakeTenant) -> None:
    tenants = [await make_tenant() for _ in range(3)]
    await _set_back(platform, *tenants)
    await _run(platform, f"create table {tenants[1].schema}.lot ()")

    with pytest.raises(MigrationsFailed, match="1 of 3"):
        await migrate_environments(platform.databases)

    assert [one.schema for one in await behind(platform.databases)] == [tenants[1].schema]
    (kept,) = await failures(platform.databases)
    assert (kept.tenant, kept.schema) == (tenants[1].tenant.slug, tenants[1].schema)
    assert 'relation "lot" already exists' in kept.error
    await _run(platform, f"drop table {tenants[1].schema}.lot")
    assert [one.schema for one in await migrate_environments(platform.databases)] == [tenants[1].schema]
    assert await failures(platform.databases) == []


async def test_a_failure_is_over_when_a_copy_has_replaced_the_schema(platform: Platform, tenant: Environment) -> None:
    preview = await _refreshed(platform, tenant)
    await _run(platform, f"drop table {preview.schema}.alembic_version")
    await _set_head(platform, preview)
    with pytest.raises(CanaryFailed, match="could not be migrated"):
        await migrate_environments(platform.databases)

    await _refreshed(platform, tenant)

    assert await failures(platform.databases) == []
    assert [count.failed for count in await head_counts(platform.databases)] == [0]


async def test_when_too_many_fail_the_rest_is_left_alone(platform: Platform, make_tenant: MakeTenant) -> None:
    tenants = [await make_tenant() for _ in range(FAILURES_ALLOWED + 6)]
    await _set_back(platform, *tenants)
    for tenant in tenants[1:-3]:
        await _run(platform, f"create table {tenant.schema}.lot ()")

    with pytest.raises(TooManyFailed):
        await migrate_environments(platform.databases)

    left = {one.schema for one in await behind(platform.databases)}
    assert {tenant.schema for tenant in tenants[-3:]} <= left


async def test_a_killed_migration_goes_on_where_it_stopped(platform: Platform, make_tenant: MakeTenant) -> None:
    tenants = [await make_tenant() for _ in range(4)]
    await _set_back(platform, *tenants)

    def dies(_one: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate_environments(platform.databases, tell=dies)
    assert len(await behind(platform.databases)) == 3

    assert len(await migrate_environments(platform.databases)) == 3


async def test_what_ends_one_lane_ends_all_of_them(platform: Platform, make_tenant: MakeTenant) -> None:
    """An error that is no schema's own, such as a registry that is away, left the other lanes at work for nobody."""
    tenants = [await make_tenant() for _ in range(6)]
    await _set_back(platform, *tenants)
    told: list[str] = []

    def breaks(one: Migrated) -> None:
        told.append(one.schema)
        if len(told) > 1:
            raise ConnectionError

    before = asyncio.all_tasks()
    with pytest.raises(ConnectionError):
        await migrate_environments(platform.databases, tell=breaks)

    assert asyncio.all_tasks() - before == set()


async def test_a_registry_that_missed_the_end_of_a_migration_is_mended(platform: Platform, tenant: Environment) -> None:
    """The schema's own head is the truth: the tables are there, only the registry's row was not written."""
    await _set_head(platform, tenant)

    (result,) = await migrate_environments(platform.databases)

    assert (result.before, result.after) == (HEAD, HEAD)
    assert await behind(platform.databases) == []


async def _mend(platform: Platform) -> None:
    for one in await behind(platform.databases):
        await _empty(platform, one.schema)
    await migrate_environments(platform.databases)


async def _set_back(platform: Platform, *environments: Environment) -> None:
    """As if no revision had been replayed in them yet."""
    for environment in environments:
        await _empty(platform, environment.schema)
        await _set_head(platform, environment)


async def _set_head(platform: Platform, environment: Environment, to: str = "") -> None:
    async with platform.databases.control().begin() as connection:
        await connection.execute(update(EnvironmentRow).where(EnvironmentRow.id == environment.id).values(head=to))


async def _empty(platform: Platform, schema: str) -> None:
    async with platform.databases.owner("main").connect() as connection:
        names = await connection.scalars(
            text("select relname from pg_class where relnamespace = to_regnamespace(:s) and relkind = 'r'"),
            {"s": schema},
        )
        for name in names.all():
            await _run(platform, f"drop table {schema}.{name} cascade")


async def _run(platform: Platform, statement: str) -> None:
    async with platform.databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(
            f"set local role {platform.databases.database_name('main')}_owner; {statement}"
        )
