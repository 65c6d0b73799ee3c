"""After a tenant is deleted its mark is in no store: every table of every schema, Valkey, files, and the logs of it all.

What remains is listed in docs/isolation.md: numbers, ids, times, and what the platform's own staff did and why.
"""

from __future__ import annotations

import re

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from opscom.platform import Platform
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.fixtures.servers import Addresses
from tests.isolation import acts
from tests.isolation.machine import staged
from tests.isolation.world import World

LOCK = """mutation($l: Boolean!, $r: String!) { lockPreview(input: {locked: $l, reason: $r}) {
    userErrors { code message } } }"""
SETTINGS = """mutation($t: String!) { updateIntegration(vendor: MISTALL, input: {technicalContact: $t,
    live: {userName: $t, password: $t}}) { userErrors { code } } }"""


async def test_nothing_of_a_deleted_tenant_is_in_any_store(
    platform: Platform, desk: Desk, make_tenant: MakeTenant, servers: Addresses
) -> None:
    _need_superuser(servers)
    async with staged(platform, desk, make_tenant) as stage:
        world = stage.world
        mark = re.compile(f"canary-[ap]-{world.name}", re.IGNORECASE)
        await _live_in(world)
        assert [table for table, _ in _tables_with(platform, servers, mark.pattern)] != []

        await acts.delete_tenant(world, "a")

        assert _tables_with(platform, servers, mark.pattern) == []
        assert {key: value for key, value in (await world.stores.valkey()).items() if mark.search(key + value)} == {}
        assert [path for path in world.stores.files() if mark.search(str(path))] == []
        assert [line for line in world.logs if mark.search(repr(line))] == []


async def _live_in(world: World) -> None:
    """Everything by which a tenant leaves traces, with its mark wherever a word can be said."""
    for label in ("a", "p"):
        await acts.add_group(world, label, 0)
        await acts.queue_job(world, label)
        await acts.write_mail(world, label)
        await acts.work_off(world)
        await acts.read_as_guest(world, label, 0)
        await acts.carry_cookies(world, label, "b", 0)
        await acts.fail_to_log_in(world, label, 0)
    await world.admin("a").data(SETTINGS, t=world.canary("a"))
    await world.admin("a").data(LOCK, l=True, r=world.canary("a"))
    await world.admin("a").data(LOCK, l=False, r=world.canary("a"))
    await acts.take_backup(world, "a")
    await acts.restore_backup(world, "a", 0)
    await acts.refresh_preview(world, 0)


def _need_superuser(servers: Addresses) -> None:
    """Only a superuser sees every row of every table, which this is about."""
    with psycopg.connect(servers.creator, autocommit=True) as connection:
        if connection.info.parameter_status("is_superuser") != "on":
            pytest.skip(
                "OPSCOM_TEST_DATABASE_URL is no superuser's: unset it, and the tests start a server of their own"
            )


def _tables_with(platform: Platform, servers: Addresses, mark: str) -> list[tuple[str, str]]:
    """Every table of every schema of the database that has the mark in a row, with the first such row."""
    found: list[tuple[str, str]] = []
    database = platform.databases.database_name("")
    url = make_url(servers.creator).set(database=database)
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        tables = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, 2"
        ).fetchall()
        for table in tables:
            select = sql.SQL("select t::text from {} t where t::text ~* {} limit 1")
            rows = connection.execute(select.format(sql.Identifier(*table), sql.Literal(mark))).fetchall()
            found += [(".".join(table), str(row[0])[:400]) for row in rows]
    return found
