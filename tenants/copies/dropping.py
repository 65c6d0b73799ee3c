"""Removing schemas: table by table in small transactions, since one DROP SCHEMA takes a lock for every object in it.

A schema that serves an environment is never dropped, whatever the registry says of it: the grant is the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import select, text

from tenants.copies.errors import StillServing
from tenants.environments import State
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from tenants.databases import Databases

# The table of the head goes first: whoever reads a schema that is half dropped finds it has no head. By the index of
# dependencies: pg_class, which holds the tables of all tenants, has none by schema.
_TABLES = text("""
    select c.relname from pg_depend d join pg_class c on c.oid = d.objid
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace(:schema)
        and d.classid = 'pg_class'::regclass and c.relkind in ('r', 'p')
    order by c.relname <> 'alembic_version', c.relname
""")
_SCHEMAS = text("select nspname from pg_namespace where nspname ~ '^s_[0-9]+$' and nspowner = to_regrole(:owner)")
_SERVED = text("""
    select r.rolname from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
    where n.nspname = :schema and a.privilege_type = 'USAGE' and a.grantee <> n.nspowner
""")


async def drop_schema(owner: AsyncEngine, schema: str, *, database: str) -> None:
    """Remove a schema and everything in it. Repeatable; one that is gone is no error. Raises StillServing."""
    async with owner.begin() as connection:
        if served := await connection.scalar(_SERVED, {"schema": schema}):
            raise StillServing("The schema serves an environment.", schema=schema, role=str(served))
        names = (await connection.scalars(_TABLES, {"schema": schema})).all()
    for name in names:
        await _run(owner, database, sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, name)))
    await _run(owner, database, sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


async def drop_role(owner: AsyncEngine, role: str) -> None:
    """Remove an environment's role that has no schema any more. Repeatable."""
    async with owner.begin() as connection:
        if await connection.scalar(text("select to_regrole(:role)"), {"role": role}) is not None:
            await connection.exec_driver_sql(sql.SQL("drop role {}").format(sql.Identifier(role)).as_string(None))


async def unnamed_schemas(databases: Databases, cell: str) -> list[str]:
    """The schemas of a cell that no environment and no unfinished copy names: what dead processes left behind.

    A number is given once in all cells, so a name that is known anywhere is left alone here. Both are written in the
    registry before the schema is made, so nothing that is being made is taken for left behind.
    """
    async with databases.owner(cell).connect() as connection:
        owner = f"{databases.database_name(cell)}_owner"
        found = set((await connection.scalars(_SCHEMAS, {"owner": owner})).all())
    async with databases.control().connect() as connection:
        return sorted(found - await _known(connection))


async def sweep(databases: Databases, cell: str) -> list[str]:
    """Remove what ``unnamed_schemas`` finds. Returns the names. Raises StillServing for one that is granted all the same."""
    left = await unnamed_schemas(databases, cell)
    for schema in left:
        await drop_schema(databases.owner(cell), schema, database=databases.database_name(cell))
    return left


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
