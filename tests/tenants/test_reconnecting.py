"""After PostgreSQL was restarted every pooled connection is dead; the next transaction does not notice."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import select

from auth.models import LoginSourceRow
from domain.kernel.actor import Actor
from opscom.platform import Platform
from tenants.databases import REGISTRY
from tenants.environments import Environment
from tests.fixtures.servers import Addresses


async def sources(platform: Platform, environment: Environment) -> int:
    """A read of one row or more."""
    snapshot = platform.databases.snapshot(environment, Actor.system())
    try:
        await asyncio.sleep(0)
        return len(await snapshot.scalars(select(LoginSourceRow.id)))
    finally:
        await snapshot.end()


def cut_all_lines(platform: Platform, servers: Addresses, login: str = "app") -> int:
    """End every connection of one of this platform's logins, as a restart of the server does."""
    login = f"{platform.databases.database_name(REGISTRY)}_{login}"
    with psycopg.connect(servers.creator, autocommit=True) as connection:
        cut = connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [login]
        )
        return len(cut.fetchall())


async def test_transactions_after_a_restart_pass_over_dead_connections(
    platform: Platform, tenant: Environment, servers: Addresses
) -> None:
    await asyncio.gather(*(sources(platform, tenant) for _ in range(8)))
    assert cut_all_lines(platform, servers) >= 2

    assert await asyncio.gather(*(sources(platform, tenant) for _ in range(8))) == [1] * 8

    cut_all_lines(platform, servers)
    async with platform.databases.work(tenant, Actor.system()) as work:
        assert len(await work.scalars(select(LoginSourceRow.id))) == 1


async def test_a_transaction_that_lost_its_connection_in_the_middle_is_not_repeated_in_silence(
    platform: Platform, tenant: Environment, servers: Addresses
) -> None:
    work = platform.databases.work(tenant, Actor.system())
    await work.__aenter__()
    assert await work.scalars(select(LoginSourceRow.id))
    cut_all_lines(platform, servers)

    with pytest.raises(Exception, match=r"terminat|closed"):
        await work.scalars(select(LoginSourceRow.id))
    await work.__aexit__(RuntimeError, None, None)


async def test_all_pooled_connections_of_the_ledger_may_be_dead(platform: Platform, servers: Addresses) -> None:
    ledger = platform.databases.ledger(REGISTRY)

    async def ask() -> None:
        async with ledger.connect() as one, ledger.connect() as another:
            await asyncio.gather(one.exec_driver_sql("select 1"), another.exec_driver_sql("select 1"))

    await ask()
    assert cut_all_lines(platform, servers, "dispatch") >= 2

    await ask()
