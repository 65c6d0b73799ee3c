"""Bringing schemas to head: the registry and the ledger first, then every environment, each in one transaction.

Killed and started again it goes on where it stopped: a schema carries its own head, written with the tables it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from psycopg import sql
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from domain.kernel.errors import Unavailable
from tenants import cells
from tenants.databases import REGISTRY, Databases
from tenants.environments import State
from tenants.migrations.plan import Revision, Tree, after, head
from tenants.platform_tasks import add_schedules, ledger_name
from tenants.registry.models import CellRow, EnvironmentRow, VersionRow
from tenants.registry.placing import MAIN_CELL

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

log = structlog.get_logger(__name__)

LOCK_TIMEOUT = "2s"
ONE_AT_A_TIME = 0x6F70_7363_6F6D  # "opscom": the advisory lock of ``opscom migrate``


class MigrationsFailed(Unavailable):
    """Some environments could not be migrated; the others are at head, and the command may be repeated."""

    code = "migrations.failed"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one schema."""

    schema: str
    before: str
    after: str
    error: str = ""


async def migrate_platform(databases: Databases) -> None:
    """Logins, registry and run ledger to head, and the first cell named. Uses the provisioner's credentials."""
    database = databases.database_name(REGISTRY)
    async with databases.provisioner().begin() as connection:
        await connection.execute(text(f"select pg_advisory_xact_lock({ONE_AT_A_TIME})"))
        await cells.prepare_logins(connection, database, databases.key_ring)
        for tree in (Tree.REGISTRY, Tree.CELL):
            await apply(connection, tree, str(tree.models_schema), f"{database}_owner")
        await cells.grant_registry(connection, database)
        await cells.grant_ledger(connection, database)
        await connection.execute(insert(VersionRow).values(id=1, number=1).on_conflict_do_nothing())
        await connection.execute(insert(CellRow).values(name=MAIN_CELL).on_conflict_do_nothing())
    async with databases.control().begin() as connection:
        await add_schedules(connection, ledger_name(database), databases.clock())


async def migrate_environments(databases: Databases) -> list[Migrated]:
    """Every environment to head, one after the other. Raises MigrationsFailed at the end if any failed."""
    results = []
    for environment_id, cell, schema in await _behind(databases):
        result = await migrate_environment(databases, cell, schema)
        if not result.error:
            async with databases.control().begin() as connection:
                row = update(EnvironmentRow).where(EnvironmentRow.id == environment_id)
                await connection.execute(row.values(head=result.after))
        results.append(result)
    failed = [result for result in results if result.error]
    if failed:
        raise MigrationsFailed(
            f"{len(failed)} of {len(results)} environments could not be migrated.",
            first=failed[0].schema,
            why=failed[0].error,
        )
    return results


async def migrate_environment(databases: Databases, cell: str, schema: str) -> Migrated:
    """One environment's schema to head. An error is returned, not raised: the other environments go on."""
    owner = f"{databases.database_name(cell)}_owner"
    try:
        async with databases.owner(cell).begin() as connection:
            before, now = await apply(connection, Tree.ENVIRONMENT, schema, owner)
            if before != now:
                await _grant_again(connection, schema)
    except SQLAlchemyError as error:
        log.warning("migration_failed", schema=schema, error=str(error))
        return Migrated(schema, "", "", str(error))
    return Migrated(schema, before, now)


async def apply(connection: AsyncConnection, tree: Tree, schema: str, owner: str) -> tuple[str, str]:
    """Replay what is missing in a schema, as its owner, in the caller's transaction. Returns the heads before and after."""
    await connection.exec_driver_sql(sql.SQL("set local role {}").format(sql.Identifier(owner)).as_string(None))
    current = await _head_of(connection, schema)
    missing = after(tree, current)
    if missing:
        await connection.exec_driver_sql(replay(schema, missing))
    await connection.exec_driver_sql("reset role; reset search_path")
    return current, missing[-1].name if missing else current


def replay(schema: str, missing: Sequence[Revision]) -> str:
    """One message, for the owner of a schema, that brings it forward by some revisions and writes its head."""
    # Without pg_temp: in a schema that does not exist nothing must be created, least of all temporary tables.
    begin = sql.SQL("set local lock_timeout = {}; set local search_path = {};").format(
        sql.Literal(LOCK_TIMEOUT), sql.Identifier(schema)
    )
    end = sql.SQL(
        "create table if not exists alembic_version (version_num text primary key);"
        " delete from alembic_version; insert into alembic_version values ({});"
    ).format(sql.Literal(missing[-1].name))
    return "\n".join((begin.as_string(None), *(revision.sql for revision in missing), end.as_string(None)))


async def _head_of(connection: AsyncConnection, schema: str) -> str:
    exists = await connection.scalar(text("select to_regclass(:name)"), {"name": f"{schema}.alembic_version"})
    if exists is None:
        return ""
    version = sql.SQL("select version_num from {}.alembic_version").format(sql.Identifier(schema)).as_string(None)
    return str(await connection.scalar(text(version)))


async def _behind(databases: Databases) -> list[tuple[object, str, str]]:
    e = EnvironmentRow
    wanted = select(e.id, e.cell, e.schema_name).where(e.head != head(Tree.ENVIRONMENT), e.state != State.PENDING)
    async with databases.control().connect() as connection:
        rows = await connection.execute(wanted.where(e.state != State.DELETED).order_by(e.id))
        return [(row.id, row.cell, row.schema_name) for row in rows]


async def _grant_again(connection: AsyncConnection, schema: str) -> None:
    """New tables need the grant too: whoever may use the schema now gets it for all of them."""
    roles = await connection.scalars(
        text(
            "select r.rolname from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee"
            " where n.nspname = :schema and a.grantee <> n.nspowner and a.privilege_type = 'USAGE'"
        ),
        {"schema": schema},
    )
    for role in roles.all():
        await connection.exec_driver_sql(cells.schema_grant_statements(schema, role))
