"""Environments of a tenant from the command line."""

import asyncio

from opscom.platform import Platform
from tenants.environments import Environment
from tests.opscom.test_cli import opscom, settings_of


async def test_an_environment_is_made_listed_and_its_deletion_asked_for(
    platform: Platform, tenant: Environment
) -> None:
    slug, given = tenant.tenant.slug, settings_of(platform)

    def steps() -> list[str]:
        done = [
            opscom("environment", "create", slug, "--kind", "beta", **given),
            opscom("environment", "create", slug, "--kind", "beta", **given),
            opscom("environment", "list", slug, **given),
            opscom("environment", "delete", slug, "--kind", "beta", "--reason", "over", **given),
            opscom("environment", "delete", slug, "--kind", "production", "--reason", "over", **given),
            opscom("environment", "create", slug, "--kind", "moon", **given),
        ]
        return [one.stdout + one.stderr for one in done]

    made, again, listed, deleted, refused, unknown = await asyncio.to_thread(steps)

    assert made == f"{slug}-beta.preview.ops-com.localhost is active\n"
    assert again.startswith("environment.exists: ")
    assert f"beta\tlive\tactive\t{slug}-beta.preview.ops-com.localhost\tmain\t-" in listed
    assert deleted.startswith("run ")
    assert refused.startswith("environment.is_production: ")
    assert unknown.startswith("invalid: Kinds of environments are production, staging, beta")
