"""Taking a copy: every table of a schema under one snapshot, in parallel, into files that only the tenant's key opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.abc import Buffer

from tenants.copies.manifest import NAME, Manifest, TableFile, digest
from tenants.copies.tables import Table, head_of, sequences, tables
from tenants.copies.threads import Progress, each, together
from tenants.keys.in_use import sealed_with
from tenants.migrate import replay
from tenants.migrations.plan import Tree, revisions

if TYPE_CHECKING:
    from datetime import datetime

    from tenants.connecting import Connector
    from tenants.copies.storage import Storage

_BEGIN = "begin isolation level repeatable read read only"


@dataclass(frozen=True, slots=True)
class Source:
    """The schema to copy: where it is, who owns it, whose it is, and its columns with sealed secrets by table."""

    connector: Connector
    owner: str
    schema: str
    tenant: UUID
    environment: UUID
    kind: str
    sealed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy that is whole. ``data_keys`` are the versions that its secrets are sealed with."""

    manifest: Manifest
    sha256: str
    data_keys: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Folder:
    storage: Storage
    folder: str
    recipient: str


async def take(
    source: Source, storage: Storage, folder: str, *, recipient: str, now: datetime, progress: Progress
) -> Taken:
    """Copy a schema into a folder of the storage. What was written of a failed one is left to ``discard``.

    Raises StorageFailed (full, away), psycopg.Error, CopyStopped.
    """
    found: list[Taken] = []
    files_to = _Folder(storage, folder, recipient)
    exported = Exported(source)
    try:
        await together([lambda: exported.open(progress)], progress)
        files = await each(
            exported.reader,
            exported.tables,
            lambda connection, table: _written(connection, source.schema, table, files_to, progress),
            progress,
        )

        def finish() -> None:
            manifest = exported.manifest(recipient, now, tuple(sorted(files, key=lambda one: one.table)))
            encoded = manifest.encoded()
            storage.put(f"{folder}/{NAME}", encoded)
            found.append(Taken(manifest, digest(encoded), exported.sealed_with()))

        await together([finish], progress)
    finally:
        exported.close()
    return found[0]


def discard(storage: Storage, folder: str) -> None:
    """Remove a copy, the manifest first: what is left in the middle is no copy any more."""
    storage.delete([f"{folder}/{NAME}"])
    storage.remove(folder)


def is_whole(storage: Storage, folder: str) -> bool:
    """Whether a folder holds a copy that was finished."""
    return f"{folder}/{NAME}" in storage.names(folder)


class Exported:
    """The transaction whose snapshot all readers share. ``open`` and ``close`` block. ``head``: where the schema stands."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._connection: psycopg.Connection | None = None
        self._snapshot = ""
        self.head = ""
        self.tables: list[Table] = []

    def open(self, progress: Progress) -> None:
        """Begin it, and list the tables. Raises psycopg.Error, also of a schema that is being dropped table by table."""
        self._connection = connection = self._source.connector.connect()
        with progress.watching(connection):
            self._begin(connection)
            row = connection.execute("select pg_export_snapshot()").fetchone()
            self._snapshot = row[0] if row else ""
            self.head = head_of(connection, self._source.schema)
            self.tables = tables(connection, self._source.schema)

    @contextmanager
    def reader(self) -> Iterator[psycopg.Connection]:
        """Another connection in the same snapshot."""
        with self._source.connector.connect() as connection:
            connection.execute(_BEGIN)
            connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(self._snapshot)))
            self._become(connection)
            yield connection

    def manifest(self, recipient: str, now: datetime, files: tuple[TableFile, ...]) -> Manifest:
        """What a copy of it consists of."""
        connection = self._opened()
        return Manifest(
            tenant=self._source.tenant,
            environment=self._source.environment,
            kind=self._source.kind,
            taken_at=now,
            server_version=str(connection.info.server_version),
            head=self.head,
            ddl=ddl_of(self.head),
            recipient=recipient,
            tables=files,
            sequences=sequences(connection, self._source.schema),
        )

    def sealed_with(self) -> frozenset[int]:
        """The data keys that the secrets in it are sealed with; an older head may lack some of the columns."""
        there = {table.name: table.columns for table in self.tables}
        held = {
            table: tuple(name for name in names if name in there.get(table, ()))
            for table, names in self._source.sealed.items()
        }
        return sealed_with(self._opened(), self._source.schema, held)

    def sequences(self) -> dict[str, int]:
        """The sequences that were used, and their last values."""
        return sequences(self._opened(), self._source.schema)

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> psycopg.Connection:
        if self._connection is None:
            msg = "the snapshot was not opened"
            raise RuntimeError(msg)
        return self._connection

    def _begin(self, connection: psycopg.Connection) -> None:
        connection.execute(_BEGIN)
        self._become(connection)

    def _become(self, connection: psycopg.Connection) -> None:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self._source.owner)))


def ddl_of(head: str) -> str:
    """The SQL that makes the tables of a head, for whoever reads the copy without this program."""
    names = [revision.name for revision in revisions(Tree.ENVIRONMENT)]
    return replay("restored", revisions(Tree.ENVIRONMENT)[: names.index(head) + 1])


def _written(
    connection: psycopg.Connection,
    schema: str,
    table: Table,
    files_to: _Folder,
    progress: Progress,
) -> TableFile:
    """One table into its file."""
    planned = TableFile(table=table.name, columns=table.columns, rows=0, size=0, sha256="")
    statement = sql.SQL("copy {}.{} ({}) to stdout").format(
        sql.Identifier(schema), sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    with connection.cursor() as cursor:

        def pieces() -> Iterator[Buffer]:
            with cursor.copy(statement) as copy:
                for piece in copy:
                    progress.check()
                    yield piece

        size, sha256 = files_to.storage.write(f"{files_to.folder}/{planned.file}", pieces(), files_to.recipient)
        rows = cursor.rowcount
    progress.add(rows)
    return planned.model_copy(update={"rows": rows, "size": size, "sha256": sha256})
