"""Loading a copy into a new schema: tables of its head, rows, changes, indexes and keys, then to head, all verified.

The new schema is granted to nobody until ``switch``; one that was left by a dead process is dropped by ``sweep``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from tenants.copies.manifest import NAME, Manifest, TableFile, digest
from tenants.copies.storage import CopyDamaged
from tenants.copies.tables import Extra, Unsettled, extras, head_of, unsettled
from tenants.copies.threads import Progress, each, together
from tenants.migrate import replay
from tenants.migrations.plan import Tree, after, revisions

if TYPE_CHECKING:
    from tenants.connecting import Connector
    from tenants.copies.storage import Storage

MEMORY = "256MB"
"""For each index that is built; two are at a time."""


@dataclass(frozen=True, slots=True)
class Target:
    """The new schema, and who will own it."""

    connector: Connector
    owner: str
    schema: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A copy in the storage and the key that opens it; ``sha256`` is of its manifest, as the registry remembers it."""

    storage: Storage
    folder: str
    sha256: str
    identity: str

    def manifest(self) -> Manifest:
        """The manifest. Raises CopyDamaged if it is not the one that was written. Blocks."""
        encoded = self.storage.get(f"{self.folder}/{NAME}")
        if digest(encoded) != self.sha256:
            raise CopyDamaged("The copy's manifest is not what was written.", file=f"{self.folder}/{NAME}")
        return Manifest.model_validate_json(encoded)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is left out on the way: rows of whole tables, and what statements change before anybody sees the rest.

    The statements know the tables of the newest head. They run as the owner, with the new schema as their search path.
    """

    dropped: frozenset[str] = frozenset()
    statements: tuple[str, ...] = ()


async def load(stored: Stored, target: Target, changes: Changes, progress: Progress) -> Manifest:
    """Bring a copy to life in a new schema at head. Raises CopyDamaged, psycopg.Error, CopyStopped."""
    manifests: list[Manifest] = []
    lists: list[list[Extra]] = []

    def begin() -> None:
        manifests.append(stored.manifest())
        with owner_of(target) as connection, progress.watching(connection):
            lists.append(bare(connection, target, manifests[0].head))

    await together([begin], progress)
    manifest, connect = manifests[0], partial(owner_of, target)
    wanted = [table for table in manifest.tables if table.table not in changes.dropped]
    wanted.sort(key=lambda table: -table.size)
    await each(connect, wanted, lambda one, table: _fill(one, target.schema, table, stored, progress), progress)
    # Cheaper before there are indexes, but an older head may lack what they name.
    is_at_head = not after(Tree.ENVIRONMENT, manifest.head)
    first = changes.statements if is_at_head else ()
    await together([lambda: _change(target, manifest.sequences, first, progress)], progress)
    await settle(target, lists[0], progress)
    if not is_at_head:
        await together([lambda: _change(target, {}, changes.statements, progress)], progress)
    return manifest


async def settle(target: Target, extras_of: Sequence[Extra], progress: Progress) -> None:
    """What comes after the rows: indexes, keys, migrations to head, statistics."""
    connect = partial(owner_of, target)
    keys = [extra for extra in extras_of if not extra.is_foreign]
    await each(connect, keys, lambda one, extra: _make(one, target, extra), progress)
    settled: list[Unsettled] = []
    foreign = [extra for extra in extras_of if extra.is_foreign]
    await together([lambda: settled.extend(_bring_to_head(target, foreign, progress))], progress)
    await each(connect, settled, lambda one, table: _settle(one, target.schema, table), progress)


@contextmanager
def owner_of(target: Target) -> Iterator[psycopg.Connection]:
    """A connection that owns the new schema; every statement is a transaction of its own.

    None of them waits for the disk: the switch, which does, is written behind all of them.
    """
    with target.connector.connect() as connection:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(target.owner)))
        connection.execute(sql.SQL("set search_path = {}").format(sql.Identifier(target.schema)))
        connection.execute(sql.SQL("set maintenance_work_mem = {}").format(sql.Literal(MEMORY)))
        connection.execute("set synchronous_commit = off")
        yield connection


def bare(connection: psycopg.Connection, target: Target, head: str) -> list[Extra]:
    """Make the tables of the head without indexes and keys. Returns what is to be made after the rows."""
    plan = revisions(Tree.ENVIRONMENT)
    known = [revision.name for revision in plan]
    if head not in known:
        raise CopyDamaged("The copy comes from a newer release than this one.", head=head)
    with connection.transaction():
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(target.schema)))
        connection.execute(_text(replay(target.schema, plan[: known.index(head) + 1])))
        found = extras(connection, target.schema)
        for extra in reversed(found):
            connection.execute(extra.dropped(target.schema))
    return found


def _fill(
    connection: psycopg.Connection,
    schema: str,
    table: TableFile,
    stored: Stored,
    progress: Progress,
) -> None:
    """The rows of one table, frozen as they come."""
    name = sql.Identifier(schema, table.table)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("truncate {}").format(name))  # COPY may freeze only in a table that is new here
        with cursor.copy(sql.SQL("copy {} ({}) from stdin with (freeze)").format(name, columns)) as copy:

            def write(piece: bytes) -> None:
                progress.check()
                copy.write(piece)

            stored.storage.read(f"{stored.folder}/{table.file}", table.sha256, stored.identity, write)
        if cursor.rowcount != table.rows:
            raise CopyDamaged("A table of the copy has another number of rows than was written.", table=table.table)
    progress.add(table.rows)


def _make(connection: psycopg.Connection, target: Target, extra: Extra) -> None:
    connection.execute(extra.made(target.schema))


def _change(target: Target, sequences: Mapping[str, int], statements: Sequence[str], progress: Progress) -> None:
    """Let sequences go on, and change what is to be changed."""
    with owner_of(target) as connection, progress.watching(connection), connection.transaction():
        set_sequences(connection, target.schema, sequences)
        for statement in statements:
            connection.execute(_text(statement))


def set_sequences(connection: psycopg.Connection, schema: str, sequences: Mapping[str, int]) -> None:
    """Let sequences go on where those of the copy's source were."""
    for name, value in sequences.items():
        connection.execute("select setval(%s::regclass, %s)", [f"{schema}.{name}", value])


def _bring_to_head(target: Target, foreign: list[Extra], progress: Progress) -> list[Unsettled]:
    """Foreign keys, which nobody has checked yet, and migrations. Returns what is left to do for each table."""
    with owner_of(target) as connection, progress.watching(connection), connection.transaction():
        for extra in foreign:
            connection.execute(extra.made(target.schema))
        if missing := after(Tree.ENVIRONMENT, head_of(connection, target.schema)):
            connection.execute(_text(replay(target.schema, missing)))
        return unsettled(connection, target.schema)


def _settle(connection: psycopg.Connection, schema: str, table: Unsettled) -> None:
    """Check the foreign keys of a table, and count for the planner. Two of one table would wait for each other."""
    name = sql.Identifier(schema, table.name)
    for key in table.foreign_keys:
        connection.execute(sql.SQL("alter table {} validate constraint {}").format(name, sql.Identifier(key)))
    connection.execute(sql.SQL("analyze {}").format(name))


def _text(statement: str) -> sql.Composed:
    return sql.Composed([sql.SQL(statement)])
