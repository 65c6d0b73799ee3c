"""Getting in while the passwords of our own logins change, on a server that asks for them."""

import base64
import os
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from opscom.embedded.postgres import EmbeddedPostgres
from opscom.platform import open_platform
from tenants.databases import REGISTRY
from tenants.migrate import migrate_platform
from tenants.settings import Settings
from tests.fixtures.servers import ask_for_passwords

OLD, NEW = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("old", "new"))


@pytest.fixture
def asking(settings: Settings, own_postgres: EmbeddedPostgres, tmp_path: Path) -> Settings:
    """Settings of a platform on a server that asks for passwords."""
    ask_for_passwords(own_postgres, tmp_path / "postgres")
    return settings.model_copy(update={"database_url": SecretStr(own_postgres.url)})


async def test_processes_with_the_ring_in_either_order_get_in_before_and_after_the_passwords_change(
    asking: Settings,
) -> None:
    """Once those with the old order were refused from the change until their restart, those with the new one before it."""
    await _migrate(asking, OLD)
    for ring in (OLD, f"{OLD},{NEW}", f"{NEW},{OLD}"):
        await _get_in(asking, ring)

    await _migrate(asking, f"{NEW},{OLD}")

    for ring in (f"{OLD},{NEW}", f"{NEW},{OLD}", NEW):
        await _get_in(asking, ring)
    with pytest.raises(OperationalError, match="password authentication failed"):
        await _get_in(asking, OLD)


async def test_a_pool_that_stands_when_the_passwords_change_makes_new_connections(asking: Settings) -> None:
    """What a process of yesterday does when the server has ended its connections."""
    await _migrate(asking, OLD)
    async with open_platform(_with(asking, f"{OLD},{NEW}"), follow=False) as process:
        async with process.databases.control().connect() as connection:
            await connection.exec_driver_sql("select 1")
        await _migrate(asking, f"{NEW},{OLD}")
        with psycopg.connect(asking.database_url.get_secret_value().replace("opscom@", "postgres@")) as superuser:
            ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'opscom_control'"
            superuser.execute(ended)

        async with process.databases.control().connect() as connection:
            assert (await connection.exec_driver_sql("select 1")).scalar() == 1


async def _migrate(settings: Settings, ring: str) -> None:
    async with open_platform(_with(settings, ring), follow=False) as platform:
        await migrate_platform(platform.databases)


async def _get_in(settings: Settings, ring: str) -> None:
    """Connect in all ways that there are, as a process with this ring."""
    async with open_platform(_with(settings, ring), follow=False) as platform:
        databases = platform.databases
        for engine in (databases.control(), databases.ledger(REGISTRY), databases.owner(REGISTRY)):
            async with engine.connect() as connection:
                await connection.exec_driver_sql("select 1")
        connector = databases.owner_connector(REGISTRY)
        connector.connect().close()
        await (await connector.connect_async()).close()


def _with(settings: Settings, ring: str) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(ring)})
