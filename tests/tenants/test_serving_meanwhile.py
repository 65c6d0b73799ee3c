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
from tests.fixtures.simulators import free_port
from tests.patience import GLANCE_S, PATIENCE_S, patience
from tests.tenants.release import Release
from tests.tenants.test_concurrent_revisions import Database

ASKED = {"query": "{ lotGroups { name } }"}
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
async def large(platform: Platform, database: Database) -> Environment:
    """A tenant with a large table."""
    return database.filled(await tenants_of(platform)())


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
    kind: str, expected: tuple[int, str | None], release: Release, large: Environment, database: Database
) -> None:
    """A new gateway once answered 503 for as long as any index of the release was being built."""
    release.add("9001", COLUMN)
    release.add("9002", f"CREATE {kind} INDEX CONCURRENTLY audit_entry_filled_ix ON audit_entry (action)")

    with database.snapshot(), release.running("migrate"):
        await database.builder()
        answer = await _answer(release, large)
        stands = database.run("select version_num from {}.alembic_version", large.schema)

    assert answer == expected
    assert stands == [("9001",)]


async def test_what_comes_after_an_index_is_waited_for(
    release: Release, large: Environment, database: Database
) -> None:
    release.add("9001", "CREATE INDEX CONCURRENTLY audit_entry_filled_ix ON audit_entry (action)")
    release.add("9002", COLUMN)

    with database.snapshot(), release.running("migrate"):
        await database.builder()
        answer = await _answer(release, large)
        stands = database.run("select version_num from {}.alembic_version", large.schema)

    assert answer == (503, "UPGRADING")
    assert stands == [(head(Tree.ENVIRONMENT),)]


async def _answer(release: Release, environment: Environment) -> tuple[int, str | None]:
    """The first answer of a gateway of the release that starts now, and the code of its error."""
    headers = {"Host": environment.primary_host, "Accept": "application/graphql-response+json"}
    url = f"http://127.0.0.1:{release.settings.port}/graphql"
    async with patience(), httpx2.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        with release.running("gateway"):
            while True:
                try:
                    answer = await client.post(url, json=ASKED)
                except httpx2.TransportError:
                    await asyncio.sleep(GLANCE_S)
                else:
                    errors = answer.json().get("errors")
                    return answer.status_code, errors[0]["extensions"]["code"] if errors else None
