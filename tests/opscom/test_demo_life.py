"""The drivers of the demo: they go on whatever is done to their town."""

import asyncio

from sqlalchemy import select

from domain.kernel.actor import Actor
from domain.permits.models import Permit
from opscom.demo import life, seed
from opscom.demo.facts import CIVIC
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.backups.restoring import restore
from tenants.copies.carrying import Carrier
from tenants.environments import Environment
from tests.patience import GLANCE_S, patience


async def test_drivers_go_on_after_a_restore(platform: Platform, tenant: Environment) -> None:
    """They asked for the schema of before for ever, and the map stood still."""
    async with platform.databases.work(tenant, Actor.system("demo")) as work:
        await seed.seed(work, CIVIC, "no hash")
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await restore(platform.databases, tenant.id, backup_id, actor="ann", reason="a drill")
    await Carrier(platform.copier, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()
    restored = await platform.registry.known(tenant.id)
    before = await _permits(platform, restored)

    drivers = asyncio.create_task(life.live(platform, tenant))
    try:
        async with patience():
            while await _permits(platform, restored) == before:  # noqa: ASYNC110 - for what has no event
                await asyncio.sleep(GLANCE_S)
    finally:
        drivers.cancel()

    assert restored.schema != tenant.schema


async def _permits(platform: Platform, environment: Environment) -> set[tuple[object, ...]]:
    async with platform.databases.snapshot(environment, Actor.system("tests")) as snapshot:
        return {tuple(row) for row in await snapshot.rows(select(Permit.id, Permit.state))}
