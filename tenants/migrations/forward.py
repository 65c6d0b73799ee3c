"""Bringing one environment's schema to head: one transaction in one message, however many statements the revisions have."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from tenants.cells.grants import schema_grant_statements
from tenants.migrate import replay
from tenants.migrations.plan import Tree, after

HEAD_TABLE = "alembic_version"
_ANOTHER_HEAD = "OP001"

_SOMEBODY = "somebody"
# New tables need the grant too: whoever may use the schema now gets it for all of them. Most revisions have none, and to
# grant all of them again, or only to plan who would get it, would take longer than all the rest. A new one is told by its
# having no grants at all (a revision names no role, so it grants nothing). What belongs to a schema is asked of the
# dependencies, which have an index for it; the catalogue of all tenants' tables has none.
_GRANT = """
    do $grant$ declare role_name text; begin
        if exists (
            select from pg_depend d join pg_class c on c.oid = d.objid
            where d.refclassid = 'pg_namespace'::regclass and d.refobjid = {schema}::regnamespace and d.classid = 'pg_class'::regclass
                and c.relacl is null and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        ) then
            for role_name in
                select r.rolname from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
                where n.oid = {schema}::regnamespace and a.grantee <> n.nspowner and a.privilege_type = 'USAGE'
            loop
                execute replace({statements}, {somebody}, quote_ident(role_name));
            end loop;
        end if;
    end $grant$;
"""
_GUARD = """
    do $guard$ begin
        if {differs} then raise 'the schema stands at another head' using errcode = {code}; end if;
    end $guard$;
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one schema."""

    schema: str
    before: str
    after: str
    error: str = ""


async def bring_forward(connection: psycopg.AsyncConnection, owner: str, schema: str, expected: str) -> Migrated:
    """Bring a schema to head over a connection in autocommit that may become ``owner``.

    ``expected`` is where the registry believes it to stand (empty: at nothing); the schema's own head decides.
    Raises psycopg.Error; nothing is changed then.
    """
    try:
        return await _forward(connection, owner, schema, expected)
    except psycopg.errors.UndefinedTable:
        pass
    except psycopg.DatabaseError as error:
        if error.sqlstate != _ANOTHER_HEAD:
            raise
    return await _forward(connection, owner, schema, await _head_of(connection, owner, schema))


async def _forward(connection: psycopg.AsyncConnection, owner: str, schema: str, current: str) -> Migrated:
    missing = after(Tree.ENVIRONMENT, current)
    if not missing:
        return Migrated(schema, current, current)
    steps = ("begin;", _become(owner), _guard(schema, current), replay(schema, missing), _grant(schema), "commit")
    try:
        await connection.execute("\n".join(steps).encode())
    except psycopg.Error:
        if not connection.closed:
            await connection.execute("rollback")
        raise
    return Migrated(schema, current, missing[-1].name)


async def _head_of(connection: psycopg.AsyncConnection, owner: str, schema: str) -> str:
    """Where a schema stands by its own account; empty if it has no head."""
    table = sql.Identifier(schema, HEAD_TABLE)
    async with connection.transaction():
        await connection.execute(_become(owner).encode())
        cursor = await connection.execute("select to_regclass(%s)", [table.as_string(None)])
        if (await cursor.fetchall())[0][0] is None:
            return ""
        cursor = await connection.execute(sql.SQL("select version_num from {}").format(table))
        return str((await cursor.fetchall())[0][0])


def _become(owner: str) -> str:
    return sql.SQL("set local role {};").format(sql.Identifier(owner)).as_string(None)


def _guard(schema: str, current: str) -> str:
    """Refuses to go on if the schema does not stand where it should."""
    table = sql.Identifier(schema, HEAD_TABLE)
    differs = sql.SQL("to_regclass({}) is not null").format(sql.Literal(table.as_string(None)))
    if current:
        wanted = sql.Literal(current)
        differs = sql.SQL("(select version_num from {}) is distinct from {}").format(table, wanted)
    return sql.SQL(_GUARD).format(differs=differs, code=sql.Literal(_ANOTHER_HEAD)).as_string(None)


def _grant(schema: str) -> str:
    statements = schema_grant_statements(schema, _SOMEBODY)
    values = {"schema": schema, "statements": statements, "somebody": sql.Identifier(_SOMEBODY).as_string(None)}
    return sql.SQL(_GRANT).format(**{name: sql.Literal(value) for name, value in values.items()}).as_string(None)
