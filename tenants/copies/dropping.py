"""Removing schemas: table by table in small transactions, since one DROP SCHEMA takes a lock for every object in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import select, text, update

from tenants.environments import State
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from tenants.databases import Databases

ABANDONED_AFTER = timedelta(hours=6)
"""Longer than any run may take, with all its attempts."""

_TABLES = text(
    "select c.relname from pg_class c where c.relnamespace = to_regnamespace(:schema) and c.relkind in ('r', 'p')"
)
_SCHEMAS = text("select nspname from pg_namespace where nspname ~ '^s_[0-9]+$' and nspowner = to_regrole(:owner)")


async def drop_schema(owner: AsyncEngine, schema: str, *, database: str) -> None:
    """Remove a schema and everything in it. Repeatable; one that is gone is no error."""
    async with owner.begin() as connection:
        names = (await connection.scalars(_TABLES, {"schema": schema})).all()
    for name in names:
        await _run(owner, database, sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, name)))
    await _run(owner, database, sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


async def sweep(databases: Databases, cell: str) -> list[str]:
    """Remove the schemas of a cell that no environment and no unfinished copy names: what dead processes left behind.

    A number is given once in all cells, so a name that is known anywhere is left alone here. Both are written in the registry before the schema is made, so nothing that is being made is taken for left behind.
    Returns the names of what was removed.
    """
    database, owner = databases.database_name(cell), databases.owner(cell)
    async with owner.connect() as connection:
        found = set((await connection.scalars(_SCHEMAS, {"owner": f"{database}_owner"})).all())
    async with databases.control().connect() as connection:
        known = await _known(connection)
    left = sorted(found - known)
    for schema in left:
        await drop_schema(owner, schema, database=database)
    return left


async def end_abandoned(databases: Databases, now: datetime) -> int:
    """End the copies that began long ago and that no run carries out any more. Returns how many."""
    over = (
        update(CopyRow)
        .where(CopyRow.state.in_(("queued", "running")), CopyRow.started_at < now - ABANDONED_AFTER)
        .values(state="failed", finished_at=now, error_code="copy.abandoned", error="Nobody carried it out to its end.")
    )
    async with databases.control().begin() as connection:
        return (await connection.execute(over)).rowcount


async def _known(connection: AsyncConnection) -> set[str]:
    e, c = EnvironmentRow, CopyRow
    named = await connection.scalars(select(e.schema_name).where(e.state != State.DELETED))
    copied = await connection.scalars(
        select(c.to_schema).where(c.state.in_(("queued", "running")), c.to_schema.is_not(None))
    )
    return {str(name) for name in (*named.all(), *copied.all())}


async def _run(owner: AsyncEngine, database: str, statement: sql.Composed) -> None:
    become = sql.SQL("set local role {}; set local lock_timeout = '10s'").format(sql.Identifier(f"{database}_owner"))
    async with owner.begin() as connection:
        await connection.exec_driver_sql(become.as_string(None))
        await connection.exec_driver_sql(statement.as_string(None))
