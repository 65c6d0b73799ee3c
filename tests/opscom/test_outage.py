"""Processes in an outage of the database: they live, say what they can not do, and work again without another start."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
import pytest

from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import open_platform
from tenants.migrate import migrate_platform
from tenants.registry.actions import NewTenant
from tenants.settings import Settings
from tests.fixtures.platform import SECRET_KEYS
from tests.fixtures.processes import inside, is_ready, started
from tests.patience import PATIENCE_S, patience
from tests.ports import free_port

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
    with started("gateway", settings, tmp_path):
        await _until(lambda: _is_answered(settings))
    own_postgres.stop()

    with started("gateway", settings, tmp_path) as child:
        await _until(lambda: is_ready(settings.internal_port))
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

    with started("gateway", settings, tmp_path) as child:
        code = await asyncio.to_thread(child.wait, PATIENCE_S)

    assert code == 1
    assert "The database cannot be used" in (tmp_path / "gateway.log").read_text()


async def test_worker_and_dispatcher_live_through_an_outage_and_tell_of_it(
    settings: Settings, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    ports = {what: free_port() for what in ("worker", "dispatcher")}
    with ExitStack() as stack:
        for what, port in ports.items():
            stack.enter_context(started(what, settings, tmp_path, jobs_port=port))
            await _until(partial(is_ready, port))
        scraped = await inside(ports["dispatcher"], "/metrics")

        own_postgres.stop()
        await _until(lambda: _says(ports["worker"], "/healthz/ready", "not ready"))
        await _until(lambda: _says(ports["dispatcher"], "/metrics", 'opscom_ledger_answered{ledger="main"} 0.0'))
        alive = [(await inside(port, "/healthz/live")).text for port in ports.values()]
        away = await inside(ports["dispatcher"], "/metrics")

        own_postgres.restart()
        await _until(lambda: is_ready(ports["worker"]))
        await _until(lambda: _says(ports["dispatcher"], "/metrics", 'opscom_ledger_answered{ledger="main"} 1.0'))

    assert 'opscom_runs{ledger="main",queue="poll",state="queued"}' in scraped.text
    assert alive == ["alive\n"] * 2
    assert "opscom_runs{" not in away.text
    assert "opscom_dispatcher_last_look_timestamp_seconds{" in away.text


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


async def _says(port: int, path: str, words: str) -> bool:
    return words in (await inside(port, path)).text


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with patience():
        while True:
            try:
                if await is_so():
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.1)
