"""The logins of a database that holds a registry or a cell, and what they may do there. Repeatable; run by the provisioner.

    owner        nobody logs in; owns every table
    ddl          makes environment roles, becomes the owner: provisioning and migrations
    app          owns nothing, inherits nothing, may become an environment's role: gateway and worker
    dispatch     the run ledger, all rows of it
    control      the registry, and the platform's own rows of the ledger: in the registry's database only
    environment  nobody logs in; what each environment's role may do in the ledger: its own rows

All names begin with the database's name, which is unique in its cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.keys.ring import KeyRing

LOGINS = ("app", "dispatch", "ddl")
CONTROL = "control"
NOBODY = ("owner", "environment")

_LEDGER_INSERT = "id, environment, task, payload, concurrency_key, trigger, state, not_before, created_at"
# Compared as text: a column of type text and the name of the current role have no index in common.
OWN_ROW = 'environment = current_user::text collate "default"'
_LEDGER_PROGRESS = "state, progress, counters, not_before"


async def prepare_logins(
    connection: AsyncConnection, database: str, key_ring: KeyRing, *, has_registry: bool = True
) -> None:
    """Make the roles and logins of a database, and (again) set the logins' passwords from the key ring."""
    existing = set((await connection.scalars(text("select rolname from pg_roles"))).all())
    logins = (*LOGINS, CONTROL) if has_registry else LOGINS
    for name in (*NOBODY, *logins):
        role = f"{database}_{name}"
        if role not in existing:
            await _run(connection, "create role {role} nologin", role=role)
    for name in logins:
        role = f"{database}_{name}"
        password = sql.Literal(key_ring.login_password(role))
        inherit = "createrole noinherit" if name == "ddl" else "noinherit" if name == "app" else "inherit"
        await _run(
            connection, f"alter role {{role}} login {inherit} password {{password}}", role=role, password=password
        )
    await _run(
        connection,
        """
        grant {owner} to current_user with inherit true, set true;
        grant {owner} to {ddl} with inherit false, set true;
        grant {environment} to {ddl} with admin true, inherit false, set false;
        grant create on database {database} to {owner};
        revoke create on schema public from public;
        create schema if not exists platform authorization {owner};
        """,
        **names_of(database),
    )
    if has_registry:
        await _run(connection, "create schema if not exists registry authorization {owner}", **names_of(database))


async def grant_registry(connection: AsyncConnection, database: str) -> None:
    """What ``control`` may do in the registry (the audit: insert and read) and in the ledger; the ledger's row security.

    Run after the migrations of both schemas, since it names their tables.
    """
    await _run(
        connection,
        """
        grant usage on schema registry to {control}, {ddl};
        grant select, insert, update on all tables in schema registry to {control};
        grant delete on registry.data_key, registry.backup_key, registry.hostname,
            registry.vanity_domain to {control};
        grant usage on all sequences in schema registry to {control};
        revoke update on registry.audit, registry.transition from {control};
        revoke all on registry.alembic_version from {control};
        grant usage on schema platform to {control};
        grant {environment} to {control} with inherit true;
        """,
        **names_of(database),
    )


async def grant_ledger(connection: AsyncConnection, database: str) -> None:
    """Row-level security of the run ledger: an environment sees, inserts and progresses its own rows only."""
    await _run(
        connection,
        f"""
        grant usage on schema platform to {{environment}}, {{dispatch}};
        grant select, insert, update, delete on platform.task_schedule, platform.task_run, platform.task_run_log to {{dispatch}};
        grant select, update (is_enabled, next_run_at, rule, time_zone) on platform.task_schedule to {{environment}};
        grant insert on platform.task_schedule to {{environment}};
        grant select, insert ({_LEDGER_INSERT}), update ({_LEDGER_PROGRESS}) on platform.task_run to {{environment}};
        grant select, insert on platform.task_run_log to {{environment}};
        """,
        **names_of(database),
    )
    for table in ("task_schedule", "task_run", "task_run_log"):
        await _run(
            connection,
            f"""
            alter table platform.{table} enable row level security;
            drop policy if exists own_rows on platform.{table};
            create policy own_rows on platform.{table} to {{environment}}
                using ({OWN_ROW}) with check ({OWN_ROW});
            drop policy if exists all_rows on platform.{table};
            create policy all_rows on platform.{table} to {{dispatch}} using (true) with check (true);
            """,
            **names_of(database),
        )


async def _run(connection: AsyncConnection, template: str, **names: str | sql.Literal) -> None:
    await connection.exec_driver_sql(filled(template, **names))


def names_of(database: str) -> dict[str, str]:
    """The roles and logins of a database by what they are for, and the database itself."""
    return {name: f"{database}_{name}" for name in (*NOBODY, *LOGINS, CONTROL)} | {"database": database}


def filled(template: str, **names: str | sql.Literal) -> str:
    """SQL with names put in as identifiers, and literals as they are."""
    values = {k: v if isinstance(v, sql.Literal) else sql.Identifier(v) for k, v in names.items()}
    return sql.SQL(template).format(**values).as_string(None)
