"""The switch: which schema an environment's role may use. The grant in the cell is the truth; the registry follows it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import func, text, update
from sqlalchemy.exc import OperationalError

from domain.kernel.errors import Unavailable
from tenants.cells.grants import (
    environment_role_statements,
    schema_fence_statements,
    schema_grant_statements,
    schema_revoke_statements,
)
from tenants.registry.models import EnvironmentRow

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


PAUSE_S = 0.02
GIVE_UP = "set local lock_timeout = '10s'"
"""To grant or to revoke waits for whoever holds a table for himself; whoever does it holds up others meanwhile."""

_GRANTED = text("""
    select n.nspname from pg_namespace n, aclexplode(n.nspacl) a
    where a.grantee = to_regrole(:role) and a.privilege_type = 'USAGE' and n.nspname ~ '^s_[0-9]+$' order by 1
""")
# Whoever wrote holds a lock of this kind on the table until its end; reads of the old copy hurt nobody.
_WRITERS = text("""
    select count(*) from pg_locks l
    where l.mode = 'RowExclusiveLock' and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
        and l.relation in (
            select d.objid from pg_depend d where d.refclassid = 'pg_namespace'::regclass
                and d.refobjid = to_regnamespace(:schema) and d.classid = 'pg_class'::regclass
        )
""")


class StillBusy(Unavailable):
    """Transactions of the environment do not end; the step was undone and may be repeated."""

    code = "environment.still_busy"


async def granted(connection: AsyncConnection, role: str) -> list[str]:
    """The schemas that a role may use: one, or none while it is fenced."""
    return [str(name) for name in (await connection.scalars(_GRANTED, {"role": role})).all()]


async def make_role(owner: AsyncEngine, role: str, *, database: str) -> None:
    """Make the role of an environment, which may use no schema yet. Repeatable."""
    async with owner.begin() as connection:
        if await connection.scalar(text("select to_regrole(:role)"), {"role": role}) is None:
            await connection.exec_driver_sql(environment_role_statements(database, role))


async def grant(owner: AsyncEngine, role: str, schema: str, *, database: str) -> None:
    """Give a role this schema and no other, in one transaction. Repeatable."""
    async with owner.begin() as connection:
        await connection.exec_driver_sql(GIVE_UP)
        await grant_in(connection, role, schema, database=database)


async def withdraw(owner: AsyncEngine, role: str, *, database: str) -> list[str]:
    """Take every schema away from a role, for good. Returns which it had. Repeatable."""
    async with owner.begin() as connection:
        await connection.exec_driver_sql(GIVE_UP)
        await _become_owner(connection, database)
        names = await granted(connection, role)
        for name in names:
            await connection.exec_driver_sql(schema_revoke_statements(name, role))
    return names


async def grant_in(connection: AsyncConnection, role: str, schema: str, *, database: str) -> None:
    """The same in the caller's transaction."""
    await _become_owner(connection, database)
    for old in await granted(connection, role):
        if old != schema:
            await connection.exec_driver_sql(schema_revoke_statements(old, role))
    await connection.exec_driver_sql(schema_grant_statements(schema, role))
    await connection.exec_driver_sql("reset role")


async def fence_in(connection: AsyncConnection, role: str, schema: str, *, database: str, patience_s: float) -> None:
    """Let a role go on reading a schema, and write no more.

    Every writing transaction locks the audit at its beginning (``binding.py``): those that are open come to their end
    first, and those that wait behind this one are refused before their first statement. Raises StillBusy.
    """
    wait, audit = f"set local lock_timeout = {int(1000 * patience_s)}", sql.Identifier(schema, "audit_entry")
    await connection.exec_driver_sql(wait)
    try:
        await grant_in(connection, role, schema, database=database)
        await _become_owner(connection, database)
        lock = sql.SQL("lock table {} in share row exclusive mode").format(audit)
        await connection.exec_driver_sql(lock.as_string(None))
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise StillBusy("The environment's transactions do not end.", schema=schema) from error
        raise
    await connection.exec_driver_sql(f"{schema_fence_statements(schema, role)} reset role")


async def revoke_in(connection: AsyncConnection, role: str, schema: str, *, database: str) -> None:
    """Take a schema from a role."""
    await _become_owner(connection, database)
    await connection.exec_driver_sql(schema_revoke_statements(schema, role))
    await connection.exec_driver_sql("reset role")


async def wait_for_writers(owner: AsyncEngine, schema: str, *, patience_s: float) -> None:
    """Wait until no transaction writes in a schema, whatever began it. Raises StillBusy after ``patience_s`` seconds."""
    try:
        async with asyncio.timeout(patience_s):
            # Another program's transactions tell nobody of their end.
            while await _writers(owner, schema):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_S)
    except TimeoutError as error:
        raise StillBusy("The environment's transactions do not end.", schema=schema) from error


async def follow(control: AsyncEngine, environment_id: UUID, *, before: str, after: str, cell: str, head: str) -> bool:
    """Write in the registry what the grant already says; repeatable. False: somebody else changed the row meanwhile."""
    changed = (
        update(EnvironmentRow)
        .where(EnvironmentRow.id == environment_id, EnvironmentRow.schema_name.in_((before, after)))
        .values(schema_name=after, cell=cell, head=head, copied_at=func.now())
        .returning(EnvironmentRow.id)
    )
    async with control.begin() as connection:
        return (await connection.scalar(changed)) is not None


async def _writers(owner: AsyncEngine, schema: str) -> int:
    async with owner.connect() as connection:
        return int(await connection.scalar(_WRITERS, {"schema": schema}) or 0)


async def _become_owner(connection: AsyncConnection, database: str) -> None:
    role = sql.Identifier(f"{database}_owner")
    await connection.exec_driver_sql(sql.SQL("set local role {}").format(role).as_string(None))
