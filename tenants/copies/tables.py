"""What a schema consists of, asked of the catalogue by its OID: tables with their columns, keys and indexes, sequences.

``information_schema`` is not used: its views look at every object of the database, of all tenants.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

HEAD_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class Table:
    """A table, its columns in their order, and its size on disk in bytes."""

    name: str
    columns: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Extra:
    """An index, a key or another constraint that may be made after the rows: how to drop it and how to make it."""

    table: str
    name: str
    is_constraint: bool
    is_foreign: bool
    definition: str

    def dropped(self, schema: str) -> sql.Composed:
        """The statement that drops it."""
        names = {
            "schema": sql.Identifier(schema),
            "table": sql.Identifier(self.table),
            "name": sql.Identifier(self.name),
        }
        if self.is_constraint:
            return sql.SQL("alter table {schema}.{table} drop constraint {name}").format(**names)
        return sql.SQL("drop index {schema}.{name}").format(**names)

    def made(self, schema: str) -> sql.Composed:
        """The statement that makes it, in a transaction whose search path is the schema alone."""
        if not self.is_constraint:
            return sql.Composed([sql.SQL(self.definition)])
        names = {
            "schema": sql.Identifier(schema),
            "table": sql.Identifier(self.table),
            "name": sql.Identifier(self.name),
        }
        # Checked afterwards, under a lock that lets other tables' keys be checked at the same time.
        definition = sql.SQL(f"{self.definition} not valid" if self.is_foreign else self.definition)
        return sql.SQL("alter table {schema}.{table} add constraint {name} {definition}").format(
            **names, definition=definition
        )


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A table whose rows are there: its name, and its foreign keys that were not checked yet."""

    name: str
    foreign_keys: tuple[str, ...]


# By the index of dependencies: pg_class, which holds the tables of all tenants, has none by schema.
_MINE = """
    with mine as materialized (
        select c.* from pg_depend d join pg_class c on c.oid = d.objid
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = %(schema)s::regnamespace
            and d.classid = 'pg_class'::regclass and c.relkind = %(kind)s
    )
"""
_TABLES = """
    select c.relname as name, pg_table_size(c.oid) as size,
        (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
    from mine c where c.relname <> 'alembic_version' order by size desc, name
"""
# Constraints come with their indexes; foreign keys need the keys they point at, so they are last.
_EXTRAS = """
    select t.relname as "table", k.conname as name, true as is_constraint, k.contype = 'f' as is_foreign,
        pg_get_constraintdef(k.oid) as definition, pg_table_size(t.oid) as size
    from pg_constraint k join mine t on t.oid = k.conrelid
    where k.contype in ('f', 'p', 'u', 'x') and t.relname <> 'alembic_version'
    union all
    select t.relname, i.relname, false, false, pg_get_indexdef(i.oid), pg_table_size(t.oid)
    from pg_index x join pg_class i on i.oid = x.indexrelid join mine t on t.oid = x.indrelid
    where t.relname <> 'alembic_version'
        and not exists (select 1 from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
    order by is_foreign, size desc, name
"""
_UNSETTLED = """
    select c.relname, array_remove(array_agg(k.conname::text), null)
    from mine c left join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' and not k.convalidated
    group by c.oid, c.relname order by pg_table_size(c.oid) desc
"""
_SEQUENCES = """
    select name, last from (select c.relname as name, pg_sequence_last_value(c.oid::regclass) as last from mine c) used
    where last is not null
"""
_TABLE, _SEQUENCE = "r", "S"


def tables(connection: psycopg.Connection, schema: str) -> list[Table]:
    """The tables of a schema, the largest first."""
    rows = connection.execute(_MINE + _TABLES, {"schema": schema, "kind": _TABLE}).fetchall()
    return [Table(name, tuple(columns or ()), size) for name, size, columns in rows]


def extras(connection: psycopg.Connection, schema: str) -> list[Extra]:
    """What may be made after the rows, in the order in which it can be made."""
    cursor = connection.execute(_MINE + _EXTRAS, {"schema": schema, "kind": _TABLE})
    return [Extra(*row[:5]) for row in cursor.fetchall()]


def unsettled(connection: psycopg.Connection, schema: str) -> list[Unsettled]:
    """All tables of a schema with the foreign keys that were not checked yet, the largest first."""
    rows = connection.execute(_MINE + _UNSETTLED, {"schema": schema, "kind": _TABLE}).fetchall()
    return [Unsettled(name, tuple(keys)) for name, keys in rows]


def sequences(connection: psycopg.Connection, schema: str) -> dict[str, int]:
    """The sequences that were used, and their last values."""
    return dict(connection.execute(_MINE + _SEQUENCES, {"schema": schema, "kind": _SEQUENCE}).fetchall())


def head_of(connection: psycopg.Connection, schema: str) -> str:
    """The migration a schema stands at."""
    statement = sql.SQL("select version_num from {}.{}").format(sql.Identifier(schema), sql.Identifier(HEAD_TABLE))
    row = connection.execute(statement).fetchone()
    return str(row[0]) if row else ""
