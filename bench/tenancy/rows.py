"""A tenant with very many rows, spread over its tables as a large campus has them after some years."""

from __future__ import annotations

import psycopg
from psycopg import sql

from bench.lab import Lab
from bench.tenancy.volume import database
from tenants.environments import Environment

_LOTS = """
    insert into lot (id, name, short_name, is_visible, is_temporary_only, standard_allocated, temporary_maximum)
    select uuidv7(), 'Lot ' || n, 'L' || n, true, false, 500, 100 from generate_series(1, 200) n
"""
_USERS = """
    insert into app_user (id, user_name, user_name_key, email, email_key, name, user_type_id, created_at)
    select uuidv7(), 'Person.' || n, 'person.' || n, 'Person.' || n || '@campus.example',
        'person.' || n || '@campus.example', 'Person Number ' || n, (select id from user_type order by id limit 1),
        now() - n * interval '5 min'
    from generate_series(1, %(hundredth)s * 10) n
"""
_IDENTITIES = """
    insert into identity (id, source_id, external_id, user_id, linked_at, linked_by)
    select uuidv7(), (select id from login_source limit 1), user_name_key, id, created_at, 'account' from app_user
"""
_PASSWORDS = """
    insert into password_credential (user_id, password_hash, changed_at)
    select id, '$argon2id$v=19$m=19456,t=2,p=1$' || md5(id::text) || '$' || md5(name) || left(md5(user_name), 11), created_at
    from app_user order by id limit %(hundredth)s * 6
"""
_PERMITS = """
    insert into permit (id, kind, state, lot_id, plate, plate_normalised, starts_at, ends_at, issued_at, holder_id)
    select uuidv7(), case when n %% 5 = 0 then 'standard' else 'temporary' end,
        case when n %% 10 > 0 then 'expired' when n %% 5 = 0 then 'rented' else 'issued' end,
        lots.ids[1 + n %% 200], plate, plate, began, began + interval '9 h', began, people.ids[1 + (n * 7) %% (%(hundredth)s * 10)]
    from generate_series(1, %(hundredth)s * 40) n,
        lateral (select upper(left(md5(n::text), 7)) as plate, now() - n * interval '3 min' as began) facts,
        (select array_agg(id) as ids from lot) lots, (select array_agg(id) as ids from app_user) people
"""
_AUDIT = """
    insert into audit_entry (id, at, actor_kind, actor_id, actor_name, action, facts, before, after)
    select uuidv7(), issued_at, 'user', holder_id, 'Person', 'permit_issued',
        jsonb_build_object('permit', id, 'lot', lot_id, 'plate', plate, 'ends_at', ends_at), null,
        jsonb_build_object('state', state, 'kind', kind)
    from permit limit %(hundredth)s * 25
"""
_LOGINS = """
    insert into login (id, token_hash, user_id, source_id, portal, access_version, created_at, last_seen_at, idle_seconds,
        expires_at, address, user_agent)
    select uuidv7(), sha256(id::text::bytea), id, (select id from login_source limit 1), 'user', 1, created_at, created_at,
        1800, created_at + interval '1 day', '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0'
    from app_user limit %(hundredth)s * 4
"""
_ATTEMPTS = """
    insert into login_attempt (id, at, user_id, source, portal, reason, address, user_agent)
    select uuidv7(), created_at, id, 'local', 'user', 'ok', '203.0.113.7',
        'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0'
    from app_user limit %(hundredth)s * 5
"""


def fill(lab: Lab, environment: Environment, rows: int) -> int:
    """Write about so many rows into an environment. Returns how many it has then."""
    with psycopg.connect(database(lab), autocommit=True) as connection:
        connection.execute(sql.SQL("set search_path = {}").format(sql.Identifier(environment.schema)))
        for statement in (_LOTS, _USERS, _IDENTITIES, _PASSWORDS, _PERMITS, _AUDIT, _LOGINS, _ATTEMPTS):
            connection.execute(statement, {"hundredth": rows // 100})
    return count(database(lab), environment.schema)


def tables(connection: psycopg.Connection, schema: str) -> list[str]:
    """The tables of a schema."""
    found = connection.execute("select tablename from pg_tables where schemaname = %s order by 1", [schema])
    return [row[0] for row in found.fetchall()]


def count(url: str, schema: str) -> int:
    """The rows of all tables of a schema."""
    with psycopg.connect(url) as connection:
        counted = [
            sql.SQL("select count(*) from {}").format(sql.Identifier(schema, t)) for t in tables(connection, schema)
        ]
        found = connection.execute(
            sql.SQL("select sum(count)::bigint from ({}) t").format(sql.SQL(" union all ").join(counted))
        )
        return int(found.fetchall()[0][0])


def carry_over(source: str, target: str, schema: str) -> None:
    """Copy all rows of a schema into the same empty tables of another database, then settle both."""
    with psycopg.connect(source, autocommit=True) as there, psycopg.connect(target, autocommit=True) as here:
        here.execute("set session_replication_role = replica")  # foreign keys hold already
        here.execute(sql.SQL("truncate {}").format(_listed(here, schema)))
        for table in tables(there, schema):
            name = sql.Identifier(schema, table)
            out, into = sql.SQL("copy {} to stdout").format(name), sql.SQL("copy {} from stdin").format(name)
            with there.cursor().copy(out) as reading, here.cursor().copy(into) as writing:
                for piece in reading:
                    writing.write(piece)
        for connection in (there, here):
            connection.execute(sql.SQL("vacuum (freeze, analyze) {}").format(_listed(connection, schema)))


def _listed(connection: psycopg.Connection, schema: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables(connection, schema))
