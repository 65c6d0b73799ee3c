"""An export for the client: one CSV file a table in a ZIP, of one moment, without any secret. docs/exports.md explains it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import psycopg
from psycopg import sql

from tenants.copies.tables import Table, head_of, tables
from tenants.copies.threads import Progress, together

if TYPE_CHECKING:
    from tenants.copies.copier import Copier
    from tenants.environments import Environment

README = """\
Export of {name}, {moment}

Each file is one table as CSV (RFC 4180, UTF-8, the first line names the columns; an empty field that is not quoted is
null, times are ISO 8601 with their offset). Rows point at one another by id: lot_id is the id of a row in lot.csv.
Left out are secrets: passwords, tokens, keys of third parties, and who is logged in.

{files}
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export consists of."""

    files: int
    rows: int


async def export(copier: Copier, environment: Environment, to: Path) -> Exported:
    """Write the export of an environment to a new file, which is whole or not there.

    Raises FileExistsError, OSError, psycopg.Error. Cancelled, it stops at once.
    """
    found, progress = list[Exported](), Progress()
    await together([lambda: found.append(_export_whole(copier, environment, to, progress))], progress)
    return found[0]


def _export_whole(copier: Copier, environment: Environment, to: Path, progress: Progress) -> Exported:
    with to.open("xb") as file:
        try:
            return _export(copier, environment, file, progress)
        except BaseException:
            to.unlink(missing_ok=True)
            raise


def _export(copier: Copier, environment: Environment, to: BinaryIO, progress: Progress) -> Exported:
    databases, cell = copier.databases, environment.cell
    owner = sql.Identifier(f"{databases.database_name(cell)}_owner")
    counted: dict[str, int] = {}
    with (
        databases.owner_connector(cell).connect() as connection,
        progress.watching(connection),
        zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        connection.execute("begin isolation level repeatable read read only")
        connection.execute(sql.SQL("set local role {}").format(owner))
        head_of(connection, environment.schema)  # raises of a schema that is being dropped table by table
        for table in sorted(tables(connection, environment.schema), key=lambda one: one.name):
            columns = copier.sanitiser.exported(table.name, table.columns)
            if columns:
                progress.check()
                counted[table.name] = _write(connection, archive, environment.schema, table, columns)
        archive.writestr("README.txt", _readme(environment, copier.clock().isoformat(timespec="seconds"), counted))
    return Exported(len(counted), sum(counted.values()))


def _write(
    connection: psycopg.Connection, archive: zipfile.ZipFile, schema: str, table: Table, columns: Iterable[str]
) -> int:
    statement = sql.SQL("copy {} ({}) to stdout with (format csv, header)").format(
        sql.Identifier(schema, table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, archive.open(f"{table.name}.csv", "w", force_zip64=True) as file:
        with cursor.copy(statement) as copy:
            for piece in copy:
                file.write(piece)
        return cursor.rowcount


def _readme(environment: Environment, moment: str, counted: dict[str, int]) -> str:
    files = "\n".join(f"{name}.csv  {rows} rows" for name, rows in counted.items())
    return README.format(name=environment.tenant.name, moment=moment, files=files)
