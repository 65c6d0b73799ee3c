"""What an environment's role may do in a cell, as SQL for who may become the owner there. Repeatable."""

from __future__ import annotations

from psycopg import sql

from tenants.cells.logins import filled, names_of


def environment_role_statements(database: str, role: str) -> str:
    """SQL that makes an environment's role (no login, no rights but the ledger's) and lets ``app`` become it."""
    return filled(
        "create role {role} nologin; grant {environment} to {role} with inherit true, set false;"
        " grant {role} to {app} with inherit false, set true;",
        role=role,
        **names_of(database),
    )


def schema_grant_statements(schema: str, role: str) -> str:
    """SQL of the grant that switches a schema live for a role: rows may be changed, the audit only grows."""
    return filled(
        "grant usage on schema {schema} to {role};"
        + _OF_ALL
        + "revoke update, delete on {schema}.audit_entry from {role}; revoke all on {schema}.alembic_version from {role};",
        schema=schema,
        role=role,
        **_on_all(schema, "grant select, insert, update, delete", "grant usage", " to {}", role),
    )


def schema_fence_statements(schema: str, role: str) -> str:
    """SQL that leaves a role nothing of a schema but to read it."""
    return filled(_OF_ALL, **_on_all(schema, "revoke insert, update, delete", "revoke all", " from {}", role))


def schema_revoke_statements(schema: str, role: str) -> str:
    """SQL that takes a schema and everything in it away from a role."""
    return filled(
        "revoke all on schema {schema} from {role};" + _OF_ALL,
        schema=schema,
        role=role,
        **_on_all(schema, "revoke all", "revoke all", " from {}", role),
    )


# ``on all tables in schema`` reads the catalogue of all tenants' tables, once for each kind of table; what depends on a
# schema is found by an index.
_OF_ALL = """
    do $all$ declare tables text; sequences text; begin
        select string_agg(c.oid::regclass::text, ', ') filter (where c.relkind <> 'S'),
            string_agg(c.oid::regclass::text, ', ') filter (where c.relkind = 'S') into tables, sequences
        from pg_namespace n
        join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid and d.classid = 'pg_class'::regclass
        join pg_class c on c.oid = d.objid
        where n.nspname = {name} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S');
        if tables is not null then execute {on_tables} || tables || {whom}; end if;
        if sequences is not null then execute {on_sequences} || sequences || {whom}; end if;
    end $all$;
"""


def _on_all(schema: str, on_tables: str, on_sequences: str, whom: str, role: str) -> dict[str, sql.Literal]:
    words = {
        "name": schema,
        "on_tables": f"{on_tables} on ",
        "on_sequences": f"{on_sequences} on sequence ",
        "whom": sql.SQL(whom).format(sql.Identifier(role)).as_string(None),
    }
    return {name: sql.Literal(text) for name, text in words.items()}
