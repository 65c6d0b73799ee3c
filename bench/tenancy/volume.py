"""Tenants that are rows of the registry and the ledger only: enough for what never looks into their schemas."""

from __future__ import annotations

import psycopg
from sqlalchemy import make_url

from bench.lab import Lab

_REGISTRY = """
    with made as (
        insert into registry.tenant (id, slug, name, state)
        select gen_random_uuid(), 'row-' || number, 'A Tenant', 'active' from generate_series(%s::int, %s::int) number
        returning id, slug
    ), keyed as (
        insert into registry.data_key (tenant_id, version, wrapped) select id, 1, repeat('k', 100) from made
    ), placed as (
        insert into registry.environment (id, tenant_id, kind, cell, schema_name, role_name, state, head)
        select id, id, 'production', 'main', 's_9' || slug, 'e_' || replace(id::text, '-', ''), 'active', '0001' from made
    )
    insert into registry.hostname (name, environment_id, is_primary)
    select slug || '.ops-com.localhost', id, true from made
"""


def database(lab: Lab) -> str:
    """The address of the platform's database for the superuser."""
    return make_url(lab.postgres.superuser_url).set(database=make_url(lab.postgres.url).database).render_as_string()


def fill_up(lab: Lab, count: int) -> int:
    """Write the registry's rows of as many tenants as are missing to so many; how many there are then."""
    with psycopg.connect(database(lab)) as connection:
        found = connection.execute("select count(*) from registry.environment where state = 'active'").fetchone()
        known = int(found[0]) if found else 0
        connection.execute(_REGISTRY, [known + 1, count])
    return max(known, count)
