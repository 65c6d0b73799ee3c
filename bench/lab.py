"""A laboratory: PostgreSQL, Valkey and a migrated platform of its own."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.cores import LOAD_CORE, pinned
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform, open_platform
from tenants.environments import Environment
from tenants.migrate import migrate_platform
from tenants.settings import Settings

CALLS = """
    select coalesce(sum(calls), 0) from pg_stat_statements
    join pg_roles on pg_roles.oid = userid where rolname = %s and query like %s
"""


@dataclass(frozen=True, slots=True)
class Lab:
    """The platform, the variables with which other processes find the same one, where they write their logs, its tenants."""

    platform: Platform
    variables: dict[str, str]
    folder: Path
    postgres: EmbeddedPostgres
    tenants: list[Environment] = field(default_factory=list)

    def calls(self, environment: Environment, begins: str) -> int:
        """How many statements that begin so the database has run for an environment: its own count, not ours."""
        with psycopg.connect(self.postgres.superuser_url) as connection:
            found = connection.execute(CALLS, [environment.role, f"{begins}%"]).fetchone()
        return int(found[0]) if found else 0


@asynccontextmanager
async def open_lab(*, is_pinned: bool = True) -> AsyncIterator[Lab]:
    """Start everything in a temporary folder and stop it at the end. Databases that are pinned leave a core to a server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opscom-bench-")))
        with pinned(LOAD_CORE) if is_pinned else nullcontext():
            postgres = stack.enter_context(EmbeddedPostgres.start(folder / "postgres", durable=True))
            _count_statements(postgres)
            valkey = stack.enter_context(EmbeddedValkey.start(folder / "valkey"))
        variables = {
            "OPSCOM_DATABASE_URL": make_url(postgres.url).render_as_string(hide_password=False),
            "OPSCOM_REDIS_URL": valkey.url,
            "OPSCOM_SECRET_KEYS": f"bench:{base64.b64encode(os.urandom(32)).decode()}",
            "OPSCOM_NAMESPACE": "bench",
            "OPSCOM_BACKUP_STORAGE": (folder / "backups").as_uri(),
        }
        os.environ.update(variables)
        settings = Settings()  # type: ignore[call-arg]  # read from the environment
        async with open_platform(settings, follow=False) as unfollowed:
            await migrate_platform(unfollowed.databases)
        async with open_platform(settings) as platform:
            yield Lab(platform, variables, folder, postgres)


def _count_statements(postgres: EmbeddedPostgres) -> None:
    """Let the server count what it runs."""
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        connection.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
    postgres.restart()
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
