"""Indexes that are built or dropped CONCURRENTLY: nobody waits for them, and PostgreSQL allows no transaction around them.

A revision with such a statement consists of nothing else. Where nobody would notice, in a schema that is new and in one
whose tables are small, the same statements run plainly, in a transaction like all others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import sql

log = structlog.get_logger(__name__)

LARGE_BYTES = 8 * 2**20
"""From this size of a table or of a dropped index on. Below it an index takes some tens of milliseconds, and a build beside
the traffic would wait for every older snapshot of the whole database instead."""
LOCK_TIMEOUT = "5min"
"""So long a build waits for transactions that are older than it: a backup's, most of all. Nobody waits for the build."""
TURN_S = 900.0
"""So long a build waits until another one in its database has ended."""
PAUSE_S = 0.2
ONE_AT_A_TIME = 0x6F70_7363_6978  # "opscix": two builds of one database could wait for each other's snapshot

_MENTIONED = re.compile(r"\bindex\s+concurrently\b", re.IGNORECASE)
_FORM = re.compile(
    r"(?:create\s+(?:unique\s+)?index\s+concurrently\s+(?P<built>[a-z_][a-z0-9_]*)\s+on\s+(?P<table>[a-z_][a-z0-9_]*)\s*"
    r"(?:\(|using\b).+|drop\s+index\s+concurrently\s+(?P<dropped>[a-z_][a-z0-9_]*))",
    re.IGNORECASE | re.DOTALL,
)


class NotConcurrent(ValueError):
    """A revision builds or drops indexes concurrently and is not of the form that can be repeated safely."""


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """A statement that builds an index of a table, or drops one (``table`` is None)."""

    statement: str
    name: str
    table: str | None = None

    @property
    def plain(self) -> str:
        """The statement for a transaction. An index may have been dropped by an earlier try outside of one."""
        instead = "IF EXISTS " if self.table is None else ""
        return re.sub(r"\bconcurrently\s+", instead, self.statement, count=1, flags=re.IGNORECASE) + ";"

    @property
    def is_needed(self) -> bool:
        """Whether code may rely on it: a unique index is a rule, and a dropped one may have been. Any other makes it quick."""
        return re.match(r"create\s+index\b", self.statement, re.IGNORECASE) is None


def concurrent_indexes(text: str) -> tuple[ConcurrentIndex, ...]:
    """The statements of a revision that builds or drops indexes concurrently; none of any other. Raises NotConcurrent."""
    if _MENTIONED.search(text) is None:
        return ()
    return tuple(_parsed(statement.strip()) for statement in text.split(";") if statement.strip())


async def are_for_traffic(connection: psycopg.AsyncConnection, schema: str, indexes: Sequence[ConcurrentIndex]) -> bool:
    """Whether they are to be built beside the traffic: a table is large, or an earlier try began to. Asked as the owner."""
    measured = [sql.Identifier(schema, index.table or index.name).as_string(None) for index in indexes]
    begun = [sql.Identifier(schema, index.name).as_string(None) for index in indexes if index.table is not None]
    question = """
        select exists (select from unnest(%s::text[]) name where pg_relation_size(to_regclass(name)) >= %s)
            or exists (select from unnest(%s::text[]) name where to_regclass(name) is not null)
    """
    ((answer,),) = await (await connection.execute(question, [measured, LARGE_BYTES, begun])).fetchall()
    return bool(answer)


async def build(
    connection: psycopg.AsyncConnection, owner: str, schema: str, indexes: Iterable[ConcurrentIndex]
) -> None:
    """Build and drop indexes of a schema while everybody goes on, over a connection in autocommit that may become ``owner``.

    May be repeated, whatever an earlier try left. Raises psycopg.Error; what is left of the failed index is dropped.
    """
    await _check_is_direct(connection)
    async with _turn(connection), _as_owner(connection, owner, schema):
        for index in indexes:
            log.info("index_begun", schema=schema, index=index.name)
            if index.table is None:
                await _drop(connection, index.name)
            elif not await _is_there(connection, schema, index.name):
                await _build(connection, schema, index)


async def _build(connection: psycopg.AsyncConnection, schema: str, index: ConcurrentIndex) -> None:
    try:
        await connection.execute(index.statement.encode())
    except psycopg.Error:
        with suppress(psycopg.Error):  # else it is dropped by the next try
            await _is_there(connection, schema, index.name)
        raise


async def _is_there(connection: psycopg.AsyncConnection, schema: str, name: str) -> bool:
    """Whether an index is whole. One that a broken build left, which no query uses and every write pays for, is dropped."""
    question = "select indisvalid from pg_index where indexrelid = to_regclass(%s)"
    found = await (await connection.execute(question, [sql.Identifier(schema, name).as_string(None)])).fetchall()
    if found == [(False,)]:
        await _drop(connection, name)
    return found == [(True,)]


async def _drop(connection: psycopg.AsyncConnection, name: str) -> None:
    await connection.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(name)))


async def _check_is_direct(connection: psycopg.AsyncConnection) -> None:
    """A transaction pooler would give each statement to another server process, and what is set here to other clients."""
    ((pid,),) = await (await connection.execute("select pg_backend_pid()")).fetchall()
    if pid != connection.info.backend_pid:
        raise psycopg.NotSupportedError("indexes of large tables are not built through a pooler")


@asynccontextmanager
async def _turn(connection: psycopg.AsyncConnection) -> AsyncIterator[None]:
    """Nobody else builds in this database meanwhile, neither a dead command whose server process still builds.

    Asked again and again: a statement that waits for the lock would hold a snapshot, which the build that has it waits for.
    """
    ours = f"({ONE_AT_A_TIME})"
    for _ in range(int(TURN_S / PAUSE_S)):
        if await (await connection.execute(f"select 1 where pg_try_advisory_lock{ours}".encode())).fetchone():
            break
        await asyncio.sleep(PAUSE_S)
    else:
        raise psycopg.errors.LockNotAvailable("other indexes of this database are being built")
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute(f"select pg_advisory_unlock{ours}".encode())


@asynccontextmanager
async def _as_owner(connection: psycopg.AsyncConnection, owner: str, schema: str) -> AsyncIterator[None]:
    """Outside of a transaction settings are those of the connection, which serves other schemas afterwards."""
    settings = "set role {}; set search_path = {}; set lock_timeout = {}; set statement_timeout = 0"
    names = (sql.Identifier(owner), sql.Identifier(schema), sql.Literal(LOCK_TIMEOUT))
    await connection.execute(sql.SQL(settings).format(*names))
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute("reset role; reset search_path; reset lock_timeout; reset statement_timeout")


def _parsed(statement: str) -> ConcurrentIndex:
    found = _FORM.fullmatch(statement)
    if found is None:
        msg = (
            "a revision that builds or drops indexes concurrently has nothing but CREATE [UNIQUE] INDEX CONCURRENTLY name"
            f" ON table … and DROP INDEX CONCURRENTLY name, without IF [NOT] EXISTS: {statement}"
        )
        raise NotConcurrent(msg)
    if dropped := found["dropped"]:
        return ConcurrentIndex(statement, dropped.lower())
    return ConcurrentIndex(statement, found["built"].lower(), found["table"].lower())
