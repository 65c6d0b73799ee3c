"""Behind a transaction pooler with one backend, two environments never see each other's rows.

PgBouncer 1.18 (Debian's) is the worst case: it keeps neither settings nor prepared statements for a client.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, select

from domain.kernel.actor import Actor
from domain.users.models import Role
from opscom.platform import Platform
from tenants.databases import REGISTRY, Databases
from tenants.migrations.concurrent import build, concurrent_indexes
from tests.fixtures.platform import MakeTenant
from tests.patience import GLANCE_S, PATIENCE_S
from tests.ports import free_port

# PgBouncer refuses to run as root; PostgreSQL's socket is for the user who runs these tests.
AS_NOBODY = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
TRANSACTIONS = 10_000
AT_ONCE = 20


@pytest.fixture
def pooler(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a PgBouncer with one backend, logged in as the application."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian package pgbouncer; .ci/run installs it)")
    folder = tmp_path_factory.mktemp("pooler")
    port = free_port()
    (folder / "pgbouncer.ini").write_text(_configuration(platform, port))
    command = [*AS_NOBODY, program, str(folder / "pgbouncer.ini")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def pooled(platform: Platform, pooler: int) -> AsyncIterator[Databases]:
    """Databases that reach PostgreSQL through the pooler only."""
    name = platform.databases.database_name(REGISTRY)
    changed = {
        "database_url": f"postgresql://127.0.0.1:{pooler}/{name}",
        "prepare_statements": False,
        "pool_size": AT_ONCE,
    }
    databases = Databases(
        platform.settings.model_validate(platform.settings.model_dump() | changed),
        platform.key_ring,
        platform.clock,
        reactions={},
        publish=platform.bus.committed,
        data_keys=lambda: platform.registry.current.data_keys,
        cells=lambda: platform.registry.current.cells,
    )
    yield databases
    await databases.close()


async def test_ten_thousand_interleaved_transactions_read_no_wrong_row(
    platform: Platform, pooled: Databases, make_tenant: MakeTenant
) -> None:
    environments = [await make_tenant(), await make_tenant()]
    for environment in environments:
        async with platform.databases.work(environment, Actor.system()) as work:
            work.add(Role(name=environment.tenant.slug, permissions=["canary"]))
    canaries = select(Role.name).where(Role.permissions == ["canary"])
    wrong: list[object] = []

    async def read(offset: int) -> None:
        for number in range(offset, TRANSACTIONS, AT_ONCE):
            environment = environments[number % 3 % 2]
            async with pooled.snapshot(environment, Actor.guest()) as snapshot:
                names = await snapshot.scalars(canaries)
            if names != [environment.tenant.slug]:
                wrong.append((number, names))

    await asyncio.gather(*(read(offset) for offset in range(AT_ONCE)))

    assert wrong == []


async def test_control_a_plain_set_reaches_the_next_client(
    platform: Platform, pooler: int, make_tenant: MakeTenant
) -> None:
    """Negative control: what is set for longer than a transaction is there for whoever gets the backend next."""
    tenant = await make_tenant()
    name = platform.databases.database_name(REGISTRY)
    async with (
        await psycopg.AsyncConnection.connect(_through(pooler, name), autocommit=True, prepare_threshold=None) as one,
        await psycopg.AsyncConnection.connect(_through(pooler, name), autocommit=True, prepare_threshold=None) as two,
    ):
        await one.execute(sql.SQL("set search_path = {}").format(sql.Identifier(tenant.schema)))
        seen = await (await two.execute("show search_path")).fetchone()

    assert seen == (tenant.schema,), "the leak this suite exists for must be visible to it"


async def test_indexes_of_large_tables_are_not_built_through_it(
    platform: Platform, pooler: int, make_tenant: MakeTenant
) -> None:
    """No transaction may be around them, so everything that they need would have to be set for longer."""
    tenant, name = await make_tenant(), platform.databases.database_name(REGISTRY)
    indexes = concurrent_indexes("CREATE INDEX CONCURRENTLY role_planted_ix ON role (name)")
    async with await psycopg.AsyncConnection.connect(
        _through(pooler, name), autocommit=True, prepare_threshold=None
    ) as connection:
        with pytest.raises(psycopg.NotSupportedError, match="through a pooler"):
            await build(connection, f"{name}_owner", tenant.schema, indexes)


def _configuration(platform: Platform, port: int) -> str:
    url = make_url(platform.settings.database_url.get_secret_value())
    login = f"{url.database}_app"
    server = {
        "host": url.query.get("host") or url.host,
        "port": url.query.get("port") or url.port or 5432,
        "user": login,
        "password": platform.key_ring.login_password(login),
    }
    target = " ".join(f"{key}={value}" for key, value in server.items())
    return f"""
[databases]
* = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,search_path,options
"""


def _through(port: int, database: str) -> str:
    return f"postgresql://app@127.0.0.1:{port}/{database}"


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(GLANCE_S)
    pytest.fail("PgBouncer does not answer")
