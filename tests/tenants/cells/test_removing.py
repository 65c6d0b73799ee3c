"""A database that is a cell no longer: only when nothing is in it, and then nobody looks there and no login of ours gets in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, select, text

from jobs.ledger import all_ledgers
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.platform import Platform, open_platform
from tenants.cells.adding import add_cell
from tenants.cells.removing import remove_cell
from tenants.copies.errors import ReasonMissing
from tenants.environments import Cell, Environment
from tenants.migrate import migrate_cell, migrate_platform
from tenants.moves.asking import move
from tenants.moves.moving import Mover
from tenants.orphans import sweep_everything
from tenants.registry.actions import NewTenant
from tenants.registry.cells import CellAway, CellInUse, CellNotFound, put_cell, set_open
from tenants.registry.models import RegistryAuditRow
from tenants.settings import Settings
from tests.fixtures.cells import NewDatabase, Split
from tests.fixtures.servers import Addresses, ask_for_passwords

LOGINS = ("app", "dispatch", "ddl")


@dataclass
class Spare:
    """A platform and its cell that is new and empty."""

    platform: Platform
    name: str

    async def remove(self, name: str = "", *, is_lost: bool = False) -> None:
        """Remove the cell, or another one."""
        facts = {"actor": "ann", "reason": "outgrown"}
        await remove_cell(self.platform.databases, name or self.name, **facts, is_lost=is_lost)
        await self.platform.registry.load()

    async def open(self, *, is_open: bool) -> None:
        """Open or close it."""
        async with self.platform.databases.control().begin() as connection:
            await set_open(connection, self.name, is_open=is_open, actor="tests")

    async def tenant(self) -> Environment:
        """A new tenant."""
        new = NewTenant(f"tenant-{uuid4().hex[:8]}", "A Tenant")
        return await self.platform.provisioner.create_tenant(new, actor="tests")

    async def carry_out(self, copy_id: object) -> None:
        """Carry out a move."""
        await Mover(self.platform.copier, copy_id, lambda _code, _words: None).carry_out()  # type: ignore[arg-type]

    @property
    def cells(self) -> list[str]:
        """Those that the process knows of."""
        return list(self.platform.registry.current.cells)


@pytest.fixture
async def spare(split: Split, new_database: NewDatabase) -> AsyncIterator[Spare]:
    """Nothing was ever in it."""
    given, name = split.platform.settings, f"spare_{uuid4().hex[:6]}"
    settings = given.model_validate(given.model_dump() | {"cell_urls": {name: new_database(name)}})
    async with open_platform(settings) as platform:
        await add_cell(platform.databases, name, address=None, group=None, actor="tests")
        await platform.registry.load()
        yield Spare(platform, name)
        async with platform.databases.provisioner().begin() as connection:
            await connection.execute(text("update registry.cell set removed_at = now() where name = :n"), {"n": name})
            gone = text("update registry.environment set state = 'deleted' where cell = :n")
            await connection.execute(gone, {"n": name})


async def test_an_empty_cell_is_removed_and_nobody_looks_there_any_more(spare: Spare, servers: Addresses) -> None:
    databases = spare.platform.databases
    address = str(spare.platform.registry.current.cells[spare.name].address)

    await spare.remove()

    assert spare.name not in spare.cells
    assert spare.name not in [ledger.name for ledger in all_ledgers(databases, spare.platform.registry)]
    assert (await spare.tenant()).cell != spare.name
    assert passwords(servers, address) == [None, None, None]
    async with databases.control().connect() as connection:
        a = RegistryAuditRow
        wanted = select(a.actor, a.facts).where(a.action == "cell_removed").order_by(a.at.desc()).limit(1)
        noted = (await connection.execute(wanted)).one()
    facts = {"cell": spare.name, "address": address, "reason": "outgrown", "lost": "false"}
    assert (noted.actor, noted.facts) == ("ann", facts)


async def test_the_same_command_again_ends_what_a_killed_one_left(spare: Spare, servers: Addresses) -> None:
    """The registry had it, and the logins got in still."""
    address = str(spare.platform.registry.current.cells[spare.name].address)
    async with spare.platform.databases.provisioner().begin() as connection:
        await connection.execute(text(f"update registry.cell set removed_at = now() where name = '{spare.name}'"))

    for _ in range(2):
        await spare.remove()

    assert passwords(servers, address) == [None, None, None]


async def test_no_login_of_a_removed_cell_gets_in(
    own_postgres: EmbeddedPostgres, settings: Settings, tmp_path: Path
) -> None:
    url = make_url(own_postgres.url)
    with psycopg.connect(own_postgres.superuser_url, autocommit=True) as connection:
        connection.execute(f"create database spare owner {url.username}")
    urls = {"spare": url.set(database="spare").render_as_string(hide_password=False)}
    changed = {"database_url": own_postgres.url, "cell_urls": urls, "namespace": "opscom-removing"}
    async with open_platform(settings.model_validate(settings.model_dump() | changed), follow=False) as platform:
        await migrate_platform(platform.databases)
        await platform.registry.load()
        address = str((await add_cell(platform.databases, "spare", address=None, group=None, actor="tests")).address)
        ask_for_passwords(own_postgres, tmp_path / "postgres")
        await platform.registry.load()

        for _ in range(2):
            await remove_cell(platform.databases, "spare", actor="ann", reason="outgrown")

        for login in LOGINS:
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                await platform.databases.connector(address, login).connect_async()


async def test_a_removed_cell_is_added_again_and_takes_environments(spare: Spare) -> None:
    await spare.open(is_open=False)
    await spare.remove()

    await add_cell(spare.platform.databases, spare.name, address=None, group=None, actor="tests")

    await spare.platform.registry.load()
    assert spare.platform.registry.current.cells[spare.name].is_open
    assert spare.name in {(await spare.tenant()).cell for _ in range(8)}


async def test_another_cell_may_have_its_database_and_nobody_opens_it(spare: Spare) -> None:
    """The database carried the mark of the cell that it was."""
    databases = spare.platform.databases
    databases.settings = databases.settings.model_copy(
        update={"cell_urls": {"other": databases.settings.cell_urls[spare.name]}}
    )
    await spare.remove()

    await migrate_cell(databases, "other")

    with pytest.raises(CellNotFound):
        await spare.open(is_open=True)


async def test_a_cell_that_something_lies_in_comes_to_or_leaves_is_kept(spare: Spare) -> None:
    platform, databases = spare.platform, spare.platform.databases
    await spare.open(is_open=False)
    tenant = await spare.tenant()
    await spare.open(is_open=True)

    there = await move(databases, tenant.id, spare.name, actor="tests", reason="a test")
    assert await refused(spare) == {"cell": spare.name, "moves": 1}
    await spare.carry_out(there)
    assert await refused(spare) == {"cell": spare.name, "environments": 1}
    await spare.carry_out(await move(databases, tenant.id, "main", actor="tests", reason="a test"))
    async with databases.owner(spare.name).begin() as connection:
        owner = f"{databases.database_name(spare.name)}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; create schema s_888778")
    assert await refused(spare) == {"cell": spare.name, "left": 1}
    await sweep_everything(platform.copier)
    await spare.remove()

    assert spare.name not in spare.cells


async def test_one_that_is_away_is_kept_unless_it_is_said_to_be_lost(spare: Spare) -> None:
    async with spare.platform.databases.control().begin() as connection:
        await put_cell(connection, Cell("gone", "postgresql://127.0.0.1:1/gone"), actor="tests")
    await spare.platform.registry.load()

    with pytest.raises(CellAway):
        await spare.remove("gone")
    assert "gone" in spare.cells
    await spare.remove("gone", is_lost=True)

    assert "gone" not in spare.cells


async def test_what_is_no_cell_and_what_has_no_reason_is_refused(spare: Spare) -> None:
    with pytest.raises(CellInUse):
        await spare.remove("main")
    with pytest.raises(CellNotFound):
        await spare.remove("nowhere")
    with pytest.raises(ReasonMissing):
        await remove_cell(spare.platform.databases, spare.name, actor="ann", reason=" ")


async def refused(spare: Spare) -> object:
    """Why the cell is not removed."""
    with pytest.raises(CellInUse) as error:
        await spare.remove()
    assert spare.name in spare.cells
    return error.value.details


def passwords(servers: Addresses, address: str) -> list[object]:
    """What the server has for our logins at an address."""
    names = [f"{make_url(address).database}_{login}" for login in LOGINS]
    with psycopg.connect(servers.creator) as connection:
        found = connection.execute("select rolpassword from pg_authid where rolname = any(%s)", [names])
        return [row[0] for row in found]
