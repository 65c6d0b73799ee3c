"""A laboratory: PostgreSQL, Valkey and a migrated platform of its own, with tenants that have a map of twenty groups."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from domain.groups import actions as groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
from domain.lots import actions as lots
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform, open_platform
from tenants.environments import Environment
from tenants.migrate import migrate_platform
from tenants.registry.actions import NewTenant
from tenants.settings import Settings

GROUPS = 20


@dataclass(frozen=True, slots=True)
class Lab:
    """The platform and the environment variables with which other processes find the same one."""

    platform: Platform
    variables: dict[str, str]


@asynccontextmanager
async def open_lab() -> AsyncIterator[Lab]:
    """Start everything in a temporary folder and stop it at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opscom-bench-")))
        postgres = stack.enter_context(EmbeddedPostgres.start(folder / "postgres", durable=True))
        valkey = stack.enter_context(EmbeddedValkey.start(folder / "valkey"))
        variables = {
            "OPSCOM_DATABASE_URL": make_url(postgres.url).render_as_string(hide_password=False),
            "OPSCOM_REDIS_URL": valkey.url,
            "OPSCOM_SECRET_KEYS": f"bench:{base64.b64encode(os.urandom(32)).decode()}",
            "OPSCOM_NAMESPACE": "bench",
        }
        os.environ.update(variables)
        settings = Settings()  # type: ignore[call-arg]  # read from the environment
        async with open_platform(settings, follow=False) as unfollowed:
            await migrate_platform(unfollowed.databases)
        async with open_platform(settings) as platform:
            yield Lab(platform, variables)


async def tenant_with_map(platform: Platform, slug: str) -> Environment:
    """A tenant whose map has twenty groups, each with one lot."""
    environment = await platform.provisioner.create_tenant(NewTenant(slug, slug.title()), actor="bench")
    async with platform.databases.work(environment, Actor.system("bench")) as work:
        for number in range(GROUPS):
            group_id = await groups.create(
                work,
                f"Group {number:02}",
                map_color="#336699",
                point=MapPoint(45.0 + number / 1000, -75.0),
                is_on_map=True,
            )
            await lots.create(
                work,
                f"Lot {number:02}",
                f"L{number:02}",
                is_visible=True,
                temporary_maximum=50,
                standard_allocated=100,
                lot_group_id=group_id,
            )
    return environment
