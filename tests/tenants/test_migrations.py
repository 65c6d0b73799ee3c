"""Migrations: models and revisions agree, released revisions never change, and a killed run goes on."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, MetaData, create_engine, make_url, text

from domain.kernel.model import Model, Preview
from opscom.models import all_metadata
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.fleet import migrate_environments
from tenants.migrate import migrate_platform
from tenants.migrations.draft import difference
from tenants.migrations.forward import Migrated, bring_forward
from tenants.migrations.plan import HERE, Tree, after, head, revisions

METADATA = all_metadata()
HEAD = head(Tree.ENVIRONMENT)
FORBIDDEN = re.compile(r"\b(registry|platform|public|s_\d{6})\.", re.IGNORECASE)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """The provisioner's own connection."""
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("tree", list(Tree))
def test_models_and_revisions_agree(engine: Engine, tree: Tree) -> None:
    with engine.connect() as connection:
        assert difference(connection, tree, METADATA[tree]) == ""
        connection.rollback()


def test_control_a_missing_column_is_noticed(engine: Engine) -> None:
    """Negative control of the test above."""
    changed = MetaData(naming_convention=Model.metadata.naming_convention)
    for table in Model.metadata.sorted_tables:
        table.to_metadata(changed)
    changed.tables["lot"].columns["name"].nullable = True

    with engine.connect() as connection:
        assert "ALTER TABLE lot ALTER COLUMN name" in difference(connection, Tree.ENVIRONMENT, changed)
        connection.rollback()


@pytest.mark.parametrize("tree", list(Tree))
def test_released_revisions_never_change(tree: Tree) -> None:
    frozen = (HERE / tree / "frozen.txt").read_text().split()

    assert frozen == [f"{revision.name}:{revision.digest}" for revision in revisions(tree)]


def test_revisions_of_an_environment_name_no_schema() -> None:
    for revision in revisions(Tree.ENVIRONMENT):
        assert FORBIDDEN.search(revision.sql) is None


@pytest.mark.parametrize("metadata", [Model.metadata])
def test_every_table_says_what_a_preview_does_with_it(metadata: MetaData) -> None:
    for mapper in Model.registry.mappers:
        assert isinstance(mapper.class_.__preview__, Preview), f"{mapper.class_.__name__} declares no __preview__"
    assert metadata.tables


def test_a_head_newer_than_the_code_needs_nothing() -> None:
    assert after(Tree.ENVIRONMENT, "9999_from_the_future") == ()
    assert after(Tree.ENVIRONMENT, head(Tree.ENVIRONMENT)) == ()
    assert after(Tree.ENVIRONMENT, "") == revisions(Tree.ENVIRONMENT)


async def test_migrating_twice_changes_nothing(platform: Platform, tenant: Environment) -> None:
    await migrate_platform(platform.databases)

    assert await migrate_environments(platform.databases) == []
    again = await _forward(platform, tenant.schema, HEAD)
    assert (again.before, again.after, again.error) == (HEAD, HEAD, "")


async def test_a_schema_decides_itself_where_it_stands(platform: Platform, tenant: Environment) -> None:
    """The registry may have missed the end of a migration."""
    behind = revisions(Tree.ENVIRONMENT)[0].name

    assert [(await _forward(platform, tenant.schema, believed)).before for believed in ("", behind)] == [HEAD, HEAD]


async def test_a_schema_that_cannot_be_migrated_is_reported_and_left_whole(platform: Platform) -> None:
    for believed in ("", revisions(Tree.ENVIRONMENT)[0].name):
        with pytest.raises(psycopg.Error, match="no schema has been selected"):
            await _forward(platform, "s_999999", believed)

    async with platform.databases.control().connect() as connection:
        assert await connection.scalar(text("select to_regnamespace('s_999999')")) is None


async def _forward(platform: Platform, schema: str, believed: str) -> Migrated:
    databases = platform.databases
    async with await databases.owner_connector("main").connect_async() as connection:
        return await bring_forward(connection, f"{databases.database_name('main')}_owner", schema, believed)
