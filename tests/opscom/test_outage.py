"""A gateway that is started while the database is away knows its hosts, and works again without another start."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from opscom.embedded.child import start_child, stop_child
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import open_platform
from tenants.migrate import migrate_platform
from tenants.registry.actions import NewTenant
from tenants.settings import Settings
from tests.architecture.sources import ROOT
from tests.fixtures.platform import SECRET_KEYS
from tests.fixtures.simulators import free_port
from tests.patience import PATIENCE_S, patience

KNOWN, UNKNOWN = "known.ops-com.localhost", "unknown.ops-com.localhost"
ASKED = {"query": "{ lotGroups { name } }"}


@pytest.fixture
async def settings(own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey, tmp_path: Path) -> Settings:
    """A deployment with one tenant."""
    settings = Settings(
        database_url=own_postgres.url,  # type: ignore[arg-type]  # pydantic takes the text and hides it
        redis_url=own_valkey.url,
        secret_keys=SECRET_KEYS,  # type: ignore[arg-type]
        port=free_port(),
        internal_port=free_port(),
        map_file=tmp_path / "map",
    )
    async with open_platform(settings, follow=False) as platform:
        await migrate_platform(platform.databases)
        await platform.provisioner.create_tenant(NewTenant("known", "Known"), actor="tests")
    return settings


async def test_a_gateway_that_starts_in_an_outage_knows_its_hosts_and_recovers_by_itself(
    settings: Settings, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with _gateway(settings, tmp_path):
        await _until(lambda: _is_answered(settings))
    own_postgres.stop()

    with _gateway(settings, tmp_path) as child:
        await _until(lambda: _is_ready(settings))
        unknown, known, page = await _ask(settings, UNKNOWN), await _ask(settings, KNOWN), await _page(settings)
        own_postgres.restart()
        await _until(lambda: _is_answered(settings))
        assert child.poll() is None

    assert (unknown.status_code, unknown.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert known.json()["errors"][0]["extensions"]["code"] == "unavailable"
    assert page.status_code == 503, (page.status_code, page.text[:300])
    assert "registry_from_disk" in (tmp_path / "gateway.log").read_text()


async def test_without_a_map_it_leaves_the_start_to_its_supervisor(
    settings: Settings, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    own_postgres.stop()

    with _gateway(settings, tmp_path) as child:
        code = await asyncio.to_thread(child.wait, PATIENCE_S)

    assert code == 1
    assert "The database cannot be used" in (tmp_path / "gateway.log").read_text()


@contextmanager
def _gateway(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway as its own process, killed at the end."""
    told = os.environ | {
        "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
        "OPSCOM_REDIS_URL": settings.redis_url,
        "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "OPSCOM_PORT": str(settings.port),
        "OPSCOM_INTERNAL_PORT": str(settings.internal_port),
        "OPSCOM_MAP_FILE": str(settings.map_file),
    }
    with (folder / "gateway.log").open("ab") as output:
        child = start_child([sys.executable, "-m", "opscom", "gateway"], output=output, env=told, cwd=ROOT)
    try:
        yield child
    finally:
        stop_child(child, signal.SIGKILL)


async def _ask(settings: Settings, host: str) -> httpx2.Response:
    headers = {"Host": f"{host}:{settings.port}", "Accept": "application/graphql-response+json"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        return await client.post(f"http://127.0.0.1:{settings.port}/graphql", json=ASKED)


async def _page(settings: Settings) -> httpx2.Response:
    async with httpx2.AsyncClient(
        trust_env=False, headers={"Host": f"{KNOWN}:{settings.port}"}, timeout=PATIENCE_S
    ) as client:
        return await client.get(f"http://127.0.0.1:{settings.port}/")


async def _is_answered(settings: Settings) -> bool:
    answer = await _ask(settings, KNOWN)
    return answer.status_code == httpx2.codes.OK and "errors" not in answer.json()


async def _is_ready(settings: Settings) -> bool:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{settings.internal_port}/healthz/ready")
    return answer.status_code == httpx2.codes.OK


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with patience():
        while True:
            try:
                if await is_so():
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.1)
