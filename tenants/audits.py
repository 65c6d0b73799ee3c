"""Looking at all schemas of a cell from outside: whether each has the shape it should have, and none leans on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import text

from tenants.environments import Environment, State
from tenants.migrate import replay
from tenants.migrations.plan import Tree, head, is_behind, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases

TEMPLATE = "s_0"
"""The schema in which the revisions are replayed to compare with; its transaction is rolled back."""
MOST_SHOWN = 20
_PARTIAL = (State.PENDING, State.DELETING)
"""Environments whose tables are being made, or taken away one by one."""

# Asked by OID: the views of information_schema look at all tenants each time, and so does pg_class when asked by schema.
# Expressions name the schema; it is cut out.
_SHAPE = text("""
    with mine as materialized (
        select c.* from pg_depend d join pg_class c on c.oid = d.objid
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace(:schema)
            and d.classid = 'pg_class'::regclass
    )
    select replace(line, quote_ident(:schema) || '.', '') from (
        select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            || case when a.attnotnull then ' not null' else '' end || a.attidentity::text
            || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as line
        from mine c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relkind in ('r', 'p', 'v', 'm')
        union all
        select 'constraint ' || t.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
        from pg_constraint k join mine t on t.oid = k.conrelid
        union all
        select 'index ' || pg_get_indexdef(x.indexrelid) || case when x.indisvalid then '' else ' invalid' end
        from pg_index x join mine t on t.oid = x.indrelid
        union all
        select 'trigger ' || t.relname || ' ' || pg_get_triggerdef(g.oid) from pg_trigger g join mine t on t.oid = g.tgrelid
        where not g.tgisinternal
        union all
        select 'function ' || p.proname || ' ' || md5(p.prosrc) from pg_proc p where p.pronamespace = to_regnamespace(:schema)
    ) shape order by 1
""")
_LEANING = text("""
    with leaning(from_schema, to_schema, what) as (
        select a.relnamespace, b.relnamespace, 'foreign key ' || k.conname
        from pg_constraint k join pg_class a on a.oid = k.conrelid join pg_class b on b.oid = k.confrelid
        where k.contype = 'f'
        union all
        select t.relnamespace, s.relnamespace, 'default of ' || t.relname
        from pg_depend d join pg_attrdef f on f.oid = d.objid join pg_class t on t.oid = f.adrelid
        join pg_class s on s.oid = d.refobjid
        where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
        union all
        select v.relnamespace, t.relnamespace, 'view ' || v.relname
        from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
        join pg_class t on t.oid = d.refobjid
        where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
        union all
        select t.relnamespace, p.pronamespace, 'trigger ' || g.tgname
        from pg_trigger g join pg_class t on t.oid = g.tgrelid join pg_proc p on p.oid = g.tgfoid
        where not g.tgisinternal
    )
    select distinct a.nspname, b.nspname, what from leaning
    join pg_namespace a on a.oid = from_schema join pg_namespace b on b.oid = to_schema
    where a.oid <> b.oid and (a.nspname ~ '^s_[0-9]+$' or b.nspname ~ '^s_[0-9]+$')
        and 'pg_catalog' not in (a.nspname, b.nspname)
    order by 1, 2, 3
""")
_GRANTS = text("""
    select r.rolname, n.nspname from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
    where n.nspname ~ '^s_[0-9]+$' and r.rolname ~ '^e_[0-9a-f]{32}$' and a.privilege_type = 'USAGE'
""")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: which schema, and what."""

    schema: str
    what: str


def find_behind(environments: Iterable[Environment]) -> list[Finding]:
    """Those that a migration has not brought to head: it failed, goes on, or an older release made them since."""
    concerned = [e for e in environments if is_behind(e.head) and e.state not in {State.PENDING, State.DELETING}]
    return [Finding(e.schema, f"stands at {e.head or 'nothing'}, behind {head(Tree.ENVIRONMENT)}") for e in concerned]


async def find_drift(databases: Databases, environments: Iterable[Environment]) -> list[Finding]:
    """What differs between each environment at head and the revisions replayed afresh."""
    at_head = [e for e in environments if e.head == head(Tree.ENVIRONMENT) and e.state not in _PARTIAL]
    wanted = {cell: await _template(databases, cell) for cell in {e.cell for e in at_head}}
    found: list[Finding] = []
    for environment in sorted(at_head, key=lambda e: e.schema):
        async with databases.owner(environment.cell).connect() as connection:
            shape = await _shape(connection, environment.schema)
        expected = wanted[environment.cell]
        found += [Finding(environment.schema, f"missing: {line}") for line in sorted(expected - shape)[:MOST_SHOWN]]
        found += [Finding(environment.schema, f"unknown: {line}") for line in sorted(shape - expected)[:MOST_SHOWN]]
    return found


async def find_leaning(databases: Databases, cell: str) -> list[Finding]:
    """What in one environment's schema leans on another schema: foreign keys, defaults, views, triggers."""
    async with databases.owner(cell).connect() as connection:
        rows = await connection.execute(_LEANING)
        return [Finding(row[0], f"{row[2]} leans on {row[1]}") for row in rows]


async def find_stray_grants(databases: Databases, cell: str, environments: Iterable[Environment]) -> list[Finding]:
    """Roles that may use another schema than the one the registry names for them."""
    named = {(e.role, e.schema) for e in environments}
    async with databases.owner(cell).connect() as connection:
        rows = await connection.execute(_GRANTS)
        return [Finding(row[1], f"granted to {row[0]}") for row in rows if (row[0], row[1]) not in named]


async def _template(databases: Databases, cell: str) -> frozenset[str]:
    owner = sql.Identifier(f"{databases.database_name(cell)}_owner")
    begin = sql.SQL("set local role {}; create schema {}").format(owner, sql.Identifier(TEMPLATE))
    async with databases.owner(cell).connect() as connection:
        await connection.exec_driver_sql(begin.as_string(None))
        await connection.exec_driver_sql(replay(TEMPLATE, revisions(Tree.ENVIRONMENT)))
        shape = await _shape(connection, TEMPLATE)
        await connection.rollback()
        return shape


async def _shape(connection: AsyncConnection, schema: str) -> frozenset[str]:
    await connection.exec_driver_sql("set local search_path = pg_catalog")
    rows = (await connection.scalars(_SHAPE, {"schema": schema})).all()
    return frozenset(str(row) for row in rows if row is not None)
