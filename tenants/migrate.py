"""Bringing the registry and the run ledgers to head, and the message that does it in any schema (all: ``fleet.py``).

A schema carries its own head, written with the tables it names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg
import stamina
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from domain.kernel.errors import Unavailable
from tenants.cells import logins
from tenants.databases import REGISTRY, Databases
from tenants.migrations.plan import Revision, Tree, after
from tenants.platform_tasks import add_schedules, ledger_name
from tenants.registry.cells import CellTaken
from tenants.registry.models import CellRow, VersionRow
from tenants.registry.placing import MAIN_CELL
from tenants.registry.read import read_cells

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LOCK_TIMEOUT = "2s"
"""Nobody waits longer for a table, since everybody else queues up behind who waits for all of it."""
ATTEMPTS = 4
"""How often it is tried while tables are in use."""
ONE_AT_A_TIME = 0x6F70_7363_6F6D  # "opscom": the advisory lock of ``opscom migrate``


class CellsFailed(Unavailable):
    """The logins or run ledgers of some cells could not be brought to head, so their environments must be left alone too."""

    code = "migrations.cells_failed"

    def __init__(self, why: Mapping[str, str]) -> None:
        """``why`` by the name of each cell."""
        names = ", ".join(why)
        super().__init__(f"These cells could not be brought to head: {names}.", why=next(iter(why.values())))
        self.why = why


async def migrate_platform(databases: Databases) -> None:
    """Logins, registry and every cell's run ledger to head, and the first cell named. Uses the provisioners' credentials.

    Raises CellUnprovisioned before anything is changed in a cell, CellsFailed after all others are done, and OperationalError
    if the registry's database is away or its tables stay in use.
    """
    async for attempt in while_in_use():
        with attempt:
            await _registry_to_head(databases)
    async with databases.control().begin() as connection:
        await add_schedules(connection, ledger_name(databases.database_name(REGISTRY)), databases.clock())
        elsewhere = [cell.name for cell in await read_cells(connection) if cell.address]
    for name in elsewhere:
        databases.provisioner(name)
    failed: dict[str, str] = {}
    for name in elsewhere:
        try:
            await migrate_cell(databases, name)
        except OperationalError as error:  # it is away, or in use: no other cell waits for that
            failed[name] = str(error.orig).partition("\n")[0]
    if failed:
        raise CellsFailed(failed)


async def migrate_cell(databases: Databases, name: str) -> None:
    """Logins and run ledger of a cell outside the registry's database. Uses its provisioner's credentials.

    Raises CellUnprovisioned, CellTaken where another cell or installation has the database, and OperationalError if tables
    stay in use.
    """
    async for attempt in while_in_use():
        with attempt:
            await _cell_to_head(databases, name)


def while_in_use() -> AsyncIterator[stamina.Attempt]:
    """Tries, with growing pauses, until nobody else has locked what is wanted. The last one raises what it met."""
    return stamina.retry_context(on=_is_in_use, attempts=ATTEMPTS, timeout=None).__aiter__()


def _is_in_use(error: Exception) -> bool:
    """Whether somebody held a lock for too long, or two waited for one another."""
    cause = getattr(error, "orig", error)  # SQLAlchemy's, or psycopg's own
    return isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


async def _registry_to_head(databases: Databases) -> None:
    database = databases.database_name(REGISTRY)
    async with databases.provisioner().begin() as connection:
        await _begin_alone(connection)
        await logins.prepare_logins(connection, database, databases.key_ring)
        await apply(connection, Tree.REGISTRY, str(Tree.REGISTRY.models_schema), f"{database}_owner")
        await _ledger_to_head(connection, database)
        await logins.grant_registry(connection, database)
        await connection.execute(insert(VersionRow).values(id=1, number=1).on_conflict_do_nothing())
        await connection.execute(insert(CellRow).values(name=MAIN_CELL).on_conflict_do_nothing())


async def _cell_to_head(databases: Databases, name: str) -> None:
    provisioner = databases.provisioner(name)
    database, mark = str(provisioner.url.database), f"cell {name} of {databases.database_name(REGISTRY)}"
    async with provisioner.begin() as connection:
        await _begin_alone(connection)
        if await connection.scalar(text("select to_regnamespace('registry')")) is not None:
            raise CellTaken("This database holds a registry.", database=database)
        marked = await connection.scalar(text("select obj_description(to_regnamespace('platform'))"))
        if marked not in {None, mark}:
            raise CellTaken("This database belongs to another cell.", database=database, marked=str(marked))
        await logins.prepare_logins(connection, database, databases.key_ring, has_registry=False)
        await _ledger_to_head(connection, database)
        statement = sql.SQL("comment on schema platform is {}").format(sql.Literal(mark))
        await connection.exec_driver_sql(statement.as_string(None))


async def _begin_alone(connection: AsyncConnection) -> None:
    """Wait for other migrations of the database; from then on for nobody long."""
    await connection.execute(text(f"select pg_advisory_xact_lock({ONE_AT_A_TIME})"))
    await connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT}'")


async def _ledger_to_head(connection: AsyncConnection, database: str) -> None:
    await apply(connection, Tree.CELL, str(Tree.CELL.models_schema), f"{database}_owner")
    await logins.grant_ledger(connection, database)


async def apply(connection: AsyncConnection, tree: Tree, schema: str, owner: str) -> None:
    """Replay what is missing in a schema, as its owner, in the caller's transaction."""
    await connection.exec_driver_sql(sql.SQL("set local role {}").format(sql.Identifier(owner)).as_string(None))
    if missing := after(tree, await _head_of(connection, schema)):
        await connection.exec_driver_sql(replay(schema, missing))
    await connection.exec_driver_sql("reset role; reset search_path")


def replay(schema: str, missing: Sequence[Revision]) -> str:
    """One message, for the owner of a schema in a transaction, that brings it forward by some revisions."""
    return _message(schema, missing[-1].name, [revision.plain for revision in missing])


def stand_at(schema: str, head: str) -> str:
    """The same for a schema that was brought forward outside of a transaction: its head alone."""
    return _message(schema, head)


def _message(schema: str, head: str, statements: Sequence[str] = ()) -> str:
    # Without pg_temp: in a schema that does not exist nothing must be created, least of all temporary tables.
    begin = sql.SQL("set local lock_timeout = {}; set local search_path = {};").format(
        sql.Literal(LOCK_TIMEOUT), sql.Identifier(schema)
    )
    end = sql.SQL(
        "create table if not exists alembic_version (version_num text primary key);"
        " delete from alembic_version; insert into alembic_version values ({});"
    ).format(sql.Literal(head))
    return "\n".join((begin.as_string(None), *statements, end.as_string(None)))


async def _head_of(connection: AsyncConnection, schema: str) -> str:
    exists = await connection.scalar(text("select to_regclass(:name)"), {"name": f"{schema}.alembic_version"})
    if exists is None:
        return ""
    version = sql.SQL("select version_num from {}.alembic_version").format(sql.Identifier(schema)).as_string(None)
    return str(await connection.scalar(text(version)))
