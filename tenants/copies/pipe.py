"""Copying a schema from one database straight into a new schema of another, and the proof that both hold the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tenants.copies.dump import Exported, Source
from tenants.copies.load import Target, bare, owner_of, set_sequences, settle
from tenants.copies.storage import CopyDamaged
from tenants.copies.tables import Extra, Table
from tenants.copies.threads import Progress, each, together

# Rows are compared as text, which depends on these.
_SAME_WORDS = "set datestyle = 'ISO'; set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1;"
_SUM = """
    select count(*), coalesce(sum(hashtextextended(row({columns})::text, 0)), 0) from {table}
"""


async def pipe(source: Source, target: Target, progress: Progress) -> int:
    """Copy a schema at its head, without files in between. Returns how many rows it has.

    What is written to the source meanwhile is not in the copy: whoever needs it fences the source first. Raises
    CopyDamaged where the two differ afterwards, psycopg.Error, CopyStopped.
    """
    exported, extras = Exported(source), list[Extra]()
    pairs = _Pairs(exported, target, progress)

    def begin() -> None:
        exported.open(progress)
        with owner_of(target) as connection, progress.watching(connection):
            extras.extend(bare(connection, target, exported.head))
            set_sequences(connection, target.schema, exported.sequences())

    def pour(written: psycopg.Connection, table: Table) -> int:
        rows = _pour(pairs.readers[written], source.schema, written, target.schema, table)
        progress.add(rows)
        return rows

    def compare(written: psycopg.Connection, table: Table) -> None:
        here, there = _sum(pairs.readers[written], source.schema, table), _sum(written, target.schema, table)
        if here != there:
            raise CopyDamaged("A table of the copy differs from the one that it was made from.", table=table.name)

    try:
        await together([begin], progress)
        rows = await each(pairs.both, exported.tables, pour, progress)
        await settle(target, extras, progress)
        await each(pairs.both, exported.tables, compare, progress)
    finally:
        exported.close()
    return sum(rows)


class _Pairs:
    """For each thread two connections: ``readers`` has the one that it reads from, by the one that it writes to."""

    def __init__(self, exported: Exported, target: Target, progress: Progress) -> None:
        self._exported = exported
        self._target = target
        self._progress = progress
        self.readers: dict[psycopg.Connection, psycopg.Connection] = {}

    @contextmanager
    def both(self) -> Iterator[psycopg.Connection]:
        """The connection to write to; both compare rows in the same words."""
        with (
            self._exported.reader() as read,
            self._progress.watching(read),
            owner_of(self._target) as written,
        ):
            read.execute(_SAME_WORDS.replace("set ", "set local "))
            written.execute(_SAME_WORDS)
            self.readers[written] = read
            yield written


def _pour(read: psycopg.Connection, old: str, written: psycopg.Connection, new: str, table: Table) -> int:
    columns, name = _columns(table), sql.Identifier(new, table.name)
    out = sql.SQL("copy {} ({}) to stdout").format(sql.Identifier(old, table.name), columns)
    into = sql.SQL("copy {} ({}) from stdin with (freeze)").format(name, columns)
    with written.transaction(), read.cursor() as reading, written.cursor() as writing:
        writing.execute(sql.SQL("truncate {}").format(name))  # COPY may freeze only in a table that is new here
        with reading.copy(out) as pieces, writing.copy(into) as copy:
            for piece in pieces:
                copy.write(piece)
        return writing.rowcount


def _sum(connection: psycopg.Connection, schema: str, table: Table) -> object:
    statement = sql.SQL(_SUM).format(columns=_columns(table), table=sql.Identifier(schema, table.name))
    return connection.execute(statement).fetchone()


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))
