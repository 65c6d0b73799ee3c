"""What a gateway of a newer release serves while `opscom migrate` of that release builds an index of a large tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.migrations.plan import Tree, head
from tenants.settings import Settings
from tests.fixtures.cells import NewDatabase
from tests.fixtures.platform import migrated, tenants_of
from tests.patience import GLANCE_S, PATIENCE_S, patience
from tests.ports import free_port
from tests.tenants.release import Release
from tests.tenants.test_concurrent_revisions import Database

ASKED = {"query": "{ lotGroups { name } }"}
Answer = tuple[int, str | None]
"""The status of an answer, and the code of its error."""
COLUMN = "ALTER TABLE audit_entry ADD COLUMN place text"


@pytest.fixture
def settings(settings: Settings, new_database: NewDatabase) -> Settings:
    """A database of its own, and ports for a gateway."""
    changed = {
        "database_url": new_database("meanwhile"),
        "namespace": f"{settings.namespace}-meanwhile",
        "port": free_port(),
        "internal_port": free_port(),
    }
    return settings.model_validate(settings.model_dump() | changed)


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """This release, which made the tenant."""
    async with migrated(settings) as platform:
        yield platform


@pytest.fixture
async def large(platform: Platform, database: Database) -> list[Environment]:
    """Two tenants with a large table."""
    make_tenant = tenants_of(platform)
    return [database.filled(await make_tenant()) for _ in range(2)]


@pytest.fixture
def database(platform: Platform) -> Iterator[Database]:
    """The database that it lies in."""
    databases = platform.databases
    with databases.owner_connector("main").connect() as connection:
        yield Database(connection, f"{databases.database_name('main')}_owner")


@pytest.fixture
def release(settings: Settings, tmp_path: Path) -> Release:
    """The next release, without anything new yet."""
    return Release.made(tmp_path, settings)


@pytest.mark.parametrize(("kind", "expected"), [("", (200, None)), ("UNIQUE", (503, "UPGRADING"))])
async def test_only_an_index_that_is_a_rule_is_waited_for(
    kind: str, expected: Answer, release: Release, large: list[Environment], database: Database
) -> None:
    """A new gateway once answered 503 for as long as any index of the release was being built."""
    release.add("9001", COLUMN)
    release.add("9002", f"CREATE {kind} INDEX CONCURRENTLY audit_entry_filled_ix ON audit_entry (action)")

    with database.snapshot(), release.running("migrate"):
        await database.builder()
        answers = await _answers(release, large)
        stand = {database.stands(one)[0] for one in large}

    assert answers == [expected] * 2
    assert "9001" in stand


async def test_what_comes_after_an_index_is_waited_for(
    release: Release, large: list[Environment], database: Database
) -> None:
    release.add("9001", "CREATE INDEX CONCURRENTLY audit_entry_filled_ix ON audit_entry (action)")
    release.add("9002", COLUMN)

    with database.snapshot(), release.running("migrate"):
        await database.builder()
        answers = await _answers(release, large)
        stand = {database.stands(one)[0] for one in large}

    assert answers == [(503, "UPGRADING")] * 2
    assert stand == {head(Tree.ENVIRONMENT)}


async def _answers(release: Release, environments: list[Environment]) -> list[Answer]:
    """The first answer for each from a gateway of the release that starts now."""
    with release.running("gateway"):
        return [await _answer(release, one) for one in environments]


async def _answer(release: Release, environment: Environment) -> Answer:
    headers = {"Host": environment.primary_host, "Accept": "application/graphql-response+json"}
    url = f"http://127.0.0.1:{release.settings.port}/graphql"
    async with patience(), httpx2.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        while True:
            try:
                answer = await client.post(url, json=ASKED)
            except httpx2.TransportError:
                await asyncio.sleep(GLANCE_S)
            else:
                errors = answer.json().get("errors")
                return answer.status_code, errors[0]["extensions"]["code"] if errors else None
