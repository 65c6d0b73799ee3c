"""Bringing one environment's schema towards head, by one step: a transaction in one message, however many revisions.

A revision that builds indexes concurrently is a step of its own: the indexes first, then its head, so that whoever was
killed between the two finds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from tenants.cells.grants import schema_grant_statements
from tenants.migrate import LOCK_TIMEOUT, replay, stand_at
from tenants.migrations.concurrent import are_for_traffic, build
from tenants.migrations.plan import Revision, Tree, next_step

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
# Two commands at once: the second waits here, and finds the head that the first one wrote.
_ALONE = "lock table {} in share row exclusive mode;"
_GUARD = """
    do $guard$ begin
        if {differs} then raise 'the schema stands at another head' using errcode = {code}; end if;
    end $guard$;
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one schema; with an error, ``after`` is where it came to all the same (empty: to nothing new)."""

    schema: str
    before: str
    after: str
    error: str = ""


async def step_forward(connection: psycopg.AsyncConnection, owner: str, schema: str, expected: str) -> Migrated:
    """Bring a schema forward by one step, over a connection in autocommit that may become ``owner``.

    ``expected`` is where the registry believes it to stand (empty: at nothing); the schema's own head decides.
    Raises psycopg.Error; the head is unchanged then, and the step may be repeated.
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
    step = next_step(Tree.ENVIRONMENT, current)
    if not step:
        return Migrated(schema, current, current)
    work = replay(schema, step)
    if await _holds_up_writers(connection, owner, schema, step[0], current):
        await build(connection, owner, schema, step[0].concurrent)
        work = stand_at(schema, step[0].name)
    message = ("begin;", _become(owner), _guard(schema, current), work, _grant(schema), "commit")
    try:
        await connection.execute("\n".join(message).encode())
    except psycopg.Error:
        if not connection.closed:
            await connection.execute("rollback")
        raise
    return Migrated(schema, current, step[-1].name)


async def _holds_up_writers(
    connection: psycopg.AsyncConnection, owner: str, schema: str, revision: Revision, current: str
) -> bool:
    """Whether a step builds indexes that a transaction would let everybody wait for."""
    if not revision.concurrent:
        return False
    async with connection.transaction():
        await connection.execute((_become(owner) + _guard(schema, current)).encode())
        return await are_for_traffic(connection, schema, revision.concurrent)


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
    become = sql.SQL("set local lock_timeout = {}; set local role {};")
    return become.format(sql.Literal(LOCK_TIMEOUT), sql.Identifier(owner)).as_string(None)


def _guard(schema: str, current: str) -> str:
    """Refuses to go on if the schema does not stand where it should; until the end of the transaction it stays there."""
    table = sql.Identifier(schema, HEAD_TABLE)
    alone, differs = sql.SQL("").format(), sql.SQL("to_regclass({}) is not null").format(table.as_string(None))
    if current:
        alone = sql.SQL(_ALONE).format(table)
        differs = sql.SQL("(select version_num from {}) is distinct from {}").format(table, current)
    guard = sql.SQL(_GUARD).format(differs=differs, code=sql.Literal(_ANOTHER_HEAD))
    return (alone + guard).as_string(None)


def _grant(schema: str) -> str:
    statements = schema_grant_statements(schema, _SOMEBODY)
    values = {"schema": schema, "statements": statements, "somebody": sql.Identifier(_SOMEBODY).as_string(None)}
    return sql.SQL(_GRANT).format(**{name: sql.Literal(value) for name, value in values.items()}).as_string(None)
