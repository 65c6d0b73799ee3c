"""Environments in several databases: where new ones are made, and that everything which works in one cell works in all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.users.models import User
from jobs.broker import make_broker
from jobs.ledger import Ledger, all_ledgers
from opscom.accounts import create_administrator
from opscom.health import findings
from opscom.platform import Platform
from tenants.audits import Finding, find_leaning, find_stray_grants
from tenants.backups.actions import back_up, verify
from tenants.cells.adding import add_cell
from tenants.copies.carrying import Carrier
from tenants.copies.dropping import sweep
from tenants.databases import REGISTRY
from tenants.environments import Cell, Environment, EnvironmentGroup
from tenants.lifecycle.deleting import delete_environment
from tenants.migrate import migrate_cell, migrate_platform
from tenants.orphans import audit_everything, sweep_everything
from tenants.platform_tasks import EXPIRE_PREVIEWS, ledger_name
from tenants.previews.actions import Who, refresh
from tenants.registry.actions import NewTenant
from tenants.registry.cells import CellInvalid, CellNotFound, CellTaken, CellUnprovisioned, put_cell, set_open
from tenants.registry.models import EnvironmentRow
from tests.fixtures.cells import NewDatabase, Split
from tests.fixtures.jobs import QUICK, Desk

ANN = Who("ann@tomahawku.example")


@pytest.fixture
async def tenant(split: Split) -> Environment:
    """A fresh tenant with one person in it; its production is in the registry's database."""
    made = await _tenant(split.platform)
    await create_administrator(split.platform, made, ANN.name)
    return made


async def test_the_first_refresh_makes_the_preview_in_the_cell_for_previews(split: Split, tenant: Environment) -> None:
    preview = await _refreshed(split.platform, tenant)

    assert (tenant.cell, preview.cell) == ("main", split.second)
    assert await _people(split.platform, preview) == 1
    assert preview.schema in await _schemas(split.platform, split.second)
    assert preview.schema not in await _schemas(split.platform, "main")


async def test_a_further_refresh_leaves_nothing_of_the_one_before(split: Split, tenant: Environment) -> None:
    first = await _refreshed(split.platform, tenant)
    await create_administrator(split.platform, first, "new@tomahawku.example")

    second = await _refreshed(split.platform, tenant)

    assert await _people(split.platform, second) == 1
    assert first.schema not in await _schemas(split.platform, split.second)
    assert await sweep(split.platform.databases, split.second) == []


async def test_runs_of_every_cell_are_planned_sent_and_carried_out(split: Split, tenant: Environment) -> None:
    preview = await _refreshed(split.platform, tenant)
    desks = [_desk(split.platform, environment.cell) for environment in (tenant, preview)]
    for desk, environment in zip(desks, (tenant, preview), strict=True):
        desk.define("greet")
        await desk.execute("delete from platform.task_schedule")
        await desk.execute("delete from platform.task_run")
        await desk.schedule(environment, "greet", due="1 s")
    broker = _broker(split.platform)
    runner = desks[0].runner()

    async with desks[0].dispatching(broker), desks[0].working(runner):
        for desk in desks:
            await desk.until(lambda desk=desk: _is_done(desk, "greet"))  # type: ignore[misc]

    assert [[run["environment"] for run in await desk.runs()] for desk in desks] == [[tenant.role], [preview.role]]
    broker.client.close()


async def test_a_run_whose_worker_died_is_taken_back_in_every_cell(split: Split, tenant: Environment) -> None:
    preview = await _refreshed(split.platform, tenant)
    desk = _desk(split.platform, split.second)
    (run_id,) = await desk.queue(preview, "greet", state="running", attempt=1, fence=1)
    await desk.execute("update platform.task_run set lease_until = now() - interval '1 s' where id = :id", id=run_id)
    broker = _broker(split.platform)

    await desk.dispatcher(broker).tick()

    assert (await desk.run(run_id))["crashes"] == 1
    broker.client.close()


async def test_a_cell_that_is_away_holds_up_its_own_environments_only(split: Split, tenant: Environment) -> None:
    platform = split.platform
    desk = _desk(platform, REGISTRY)
    desk.define("greet")
    (run_id,) = await desk.queue(tenant, "greet")
    # Sorted before the others, and nobody listens there.
    async with platform.databases.control().begin() as connection:
        gone = Cell("a-gone", "postgresql://127.0.0.1:1/gone", is_open=False)
        await put_cell(connection, gone, actor="tests")
    await platform.registry.load()
    broker = _broker(platform)

    async with desk.dispatching(broker), desk.working():
        await desk.until_ended(run_id)
    await desk.runner().run(run_id, "a-gone")

    assert (await desk.run(run_id))["state"] == "succeeded"
    assert [f.what for f in [f async for f in findings(platform)] if not f.is_ok] == ["cell a-gone"]
    async with platform.databases.provisioner().begin() as connection:
        await connection.execute(text("delete from registry.cell where name = 'a-gone'"))
    await platform.registry.load()
    broker.client.close()


async def test_a_cell_that_is_away_holds_up_no_sweep_or_audit_of_the_others(split: Split, tenant: Environment) -> None:
    platform, databases = split.platform, split.platform.databases
    there = await _refreshed(platform, tenant)
    async with databases.owner(split.second).begin() as connection:
        owner = f"{databases.database_name(split.second)}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; create schema s_888778")

    async with _in_a_cell_that_is_away(platform, there):
        found, swept = await audit_everything(platform.copier), await sweep_everything(platform.copier)

    away, nobodys = Finding("a-gone", "a cell that is away"), Finding("s_888778", "a schema that nobody names")
    assert away in found
    assert nobodys in found
    assert away in swept
    assert nobodys in swept
    assert "s_888778" not in await _schemas(platform, split.second)


async def test_a_preview_in_a_cell_that_is_away_is_named_by_the_expiry_and_all_others_are_looked_after(
    split: Split, tenant: Environment
) -> None:
    """The hourly task failed for all previews as long as one could not be asked for its logins."""
    platform = split.platform
    here, there = await _refreshed(platform, tenant), await _refreshed(platform, await _tenant(platform))

    def later() -> datetime:
        return utc_now() + timedelta(days=8)

    desk = _desk(replace(platform, clock=later, copier=replace(platform.copier, clock=later)), "main")
    (run_id,) = await desk.queue(ledger_name(platform.databases.database_name(REGISTRY)), EXPIRE_PREVIEWS.name)

    async with _in_a_cell_that_is_away(platform, there):
        await desk.runner().run(run_id)

    run, lines = await desk.run(run_id), await desk.lines(run_id)
    assert (run["state"], run["error_class"]) == ("queued", "part_failed")
    assert [line["data"]["name"] for line in lines if line["code"] == "part_failed" and "name" in line["data"]] == [
        there.primary_host
    ]
    assert here.primary_host in {line["data"]["name"] for line in lines if line["code"] == "preview_warned"}


async def test_backups_of_a_second_cell_are_proven_and_its_environments_deleted_without_rest(
    split: Split, tenant: Environment
) -> None:
    platform = split.platform
    preview = await _refreshed(platform, tenant)

    backup_id = await back_up(platform.copier, preview, reason="by hand", actor="tests")
    assert await verify(platform.copier, backup_id, preview) > 0
    assert await find_leaning(platform.databases, split.second) == []
    everybody = platform.registry.current.by_id.values()
    assert await find_stray_grants(platform.databases, split.second, everybody) == []
    await delete_environment(platform.copier, preview.id, actor="tests", reason="over")

    assert preview.schema not in await _schemas(platform, split.second)
    async with platform.databases.owner(split.second).connect() as connection:
        assert await connection.scalar(text("select to_regrole(:role)"), {"role": preview.role}) is None


async def test_what_a_dead_process_left_in_a_second_cell_is_swept(split: Split) -> None:
    databases = split.platform.databases
    async with databases.owner(split.second).begin() as connection:
        owner = f"{databases.database_name(split.second)}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; create schema s_888777")

    assert await sweep(databases, split.second) == ["s_888777"]


async def test_no_login_of_one_cell_gets_into_another(split: Split) -> None:
    """Roles are of the whole cluster, and both cells lie in one."""
    databases = split.platform.databases
    for login in ("app", "dispatch", "ddl"):
        engine = databases._engine(databases._address(split.second), login)  # noqa: SLF001 - the logins nobody is handed
        url = engine.url.set(drivername="postgresql", database=databases.database_name(REGISTRY))
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            for table in ("registry.tenant", "registry.data_key", "platform.task_run"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select * from {table}")
                connection.rollback()


async def test_a_closed_cell_takes_no_further_environments(split: Split, tenant: Environment) -> None:
    platform = split.platform
    await _set_open(platform, split.second, is_open=False)

    preview = await _refreshed(platform, tenant)

    assert preview.cell == "main"
    await _set_open(platform, split.second, is_open=True)
    with pytest.raises(CellNotFound):
        await _set_open(platform, "nowhere", is_open=True)


async def test_migrate_brings_every_cell_to_head_and_asks_for_its_provisioner(split: Split) -> None:
    platform = split.platform
    async with platform.databases.provisioner(split.second).begin() as connection:
        dispatch = f"{platform.databases.database_name(split.second)}_dispatch"
        await connection.exec_driver_sql(f"revoke all on platform.task_run from {dispatch}")

    await migrate_platform(platform.databases)

    async with platform.databases.ledger(split.second).connect() as connection:
        assert await connection.scalar(text("select count(*) >= 0 from platform.task_run"))
    without = platform.settings.model_copy(update={"cell_urls": {}})
    platform.databases.settings, given = without, platform.databases.settings
    try:
        with pytest.raises(CellUnprovisioned):
            await migrate_cell(platform.databases, "other")
    finally:
        platform.databases.settings = given


@pytest.mark.parametrize(
    ("name", "address", "error"),
    [
        ("main", None, CellTaken),
        ("Upper", None, CellInvalid),
        ("unheard", None, CellUnprovisioned),
        ("again", None, CellTaken),
        ("home", None, CellTaken),
        ("previews", "mysql://x/y", CellInvalid),
        ("previews", "no address", CellInvalid),
        ("previews", "postgresql://host/another", CellInvalid),
        ("previews", "postgresql://who:word@host/x", CellInvalid),
        ("previews", "postgresql://127.0.0.1:1/{database}", OperationalError),
    ],
)
async def test_a_cell_that_can_not_be_one_is_refused(
    split: Split, name: str, address: str | None, error: type[Exception]
) -> None:
    """Two cells in one database would sweep each other's schemas away."""
    platform, databases = split.platform, split.platform.databases
    known = dict(platform.registry.current.cells)
    urls = databases.settings.cell_urls
    more = {"again": urls[split.second], "home": databases.settings.database_url, "Upper": urls[split.second]}
    given, databases.settings = (
        databases.settings,
        databases.settings.model_copy(update={"cell_urls": {**urls, **more}}),
    )
    address = address and address.format(database=databases.database_name(split.second))
    try:
        with pytest.raises(error):
            await add_cell(databases, name, address=address, group=None, actor="tests")
    finally:
        databases.settings = given
    await platform.registry.load()
    assert platform.registry.current.cells == known


async def test_every_process_hears_of_a_new_cell(split: Split, new_database: NewDatabase) -> None:
    """The registry's version rises with a cell."""
    platform, databases = split.platform, split.platform.databases
    before = platform.registry.version
    cell_urls = {**databases.settings.cell_urls, "live-two": new_database("cells_live")}
    databases.settings = databases.settings.model_validate(databases.settings.model_dump() | {"cell_urls": cell_urls})

    await add_cell(databases, "live-two", address=None, group=EnvironmentGroup.LIVE, actor="tests")
    await platform.registry.load()

    assert platform.registry.version > before
    assert "live-two" in [ledger.name for ledger in all_ledgers(databases, platform.registry)]
    assert (await _tenant(platform)).cell == "live-two"
    await _set_open(platform, "live-two", is_open=False)


async def _tenant(platform: Platform) -> Environment:
    number = len(platform.registry.current.by_id)
    return await platform.provisioner.create_tenant(NewTenant(f"tenant-{number}", "A Tenant"), actor="tests")


async def _refreshed(platform: Platform, tenant: Environment) -> Environment:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor=ANN.name)
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, ANN)
    await Carrier(platform.copier, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()
    (preview,) = [one for one in platform.registry.siblings(tenant.id) if one.id != tenant.id]
    return preview


@asynccontextmanager
async def _in_a_cell_that_is_away(platform: Platform, environment: Environment) -> AsyncIterator[None]:
    """Meanwhile the registry says that an environment is where nobody answers."""
    row = update(EnvironmentRow).where(EnvironmentRow.id == environment.id)
    async with platform.databases.control().begin() as connection:
        await put_cell(connection, Cell("a-gone", "postgresql://127.0.0.1:1/gone", is_open=False), actor="tests")
        await connection.execute(row.values(cell="a-gone"))
    await platform.registry.load()
    yield
    async with platform.databases.control().begin() as connection:
        await connection.execute(row.values(cell=environment.cell))
    async with platform.databases.provisioner().begin() as connection:
        await connection.execute(text("delete from registry.cell where name = 'a-gone'"))
    await platform.registry.load()


async def _people(platform: Platform, environment: Environment) -> int:
    async with platform.databases.snapshot(environment, Actor.system()) as snapshot:
        return await snapshot.scalar(select(func.count()).select_from(User)) or 0


async def _schemas(platform: Platform, cell: str) -> set[str]:
    async with platform.databases.owner(cell).connect() as connection:
        return set((await connection.scalars(text("select nspname from pg_namespace"))).all())


async def _set_open(platform: Platform, name: str, *, is_open: bool) -> None:
    async with platform.databases.control().begin() as connection:
        await set_open(connection, name, is_open=is_open, actor="tests")
    await platform.registry.load()


def _desk(platform: Platform, cell: str) -> Desk:
    name = REGISTRY if cell == "main" else cell
    return Desk(platform, Ledger(name, platform.databases.ledger(name)), replace(QUICK))


def _broker(platform: Platform) -> RedisBroker:
    return make_broker(platform.settings.redis_url, platform.settings.namespace)


async def _is_done(desk: Desk, task: str) -> bool:
    return bool(
        await desk.rows("select 1 from platform.task_run where task = :task and state = 'succeeded'", task=task)
    )
