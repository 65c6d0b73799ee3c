"""`opscom migrate` from a shell: who can not be furnished keeps nobody else from it."""

import asyncio

from sqlalchemy import text, update

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.registry.models import EnvironmentRow
from tests.fixtures.platform import MakeTenant
from tests.opscom.test_cli import opscom, settings_of

SCHEDULES = "from platform.task_schedule where environment = :role"


async def test_one_that_cannot_be_furnished_is_named_and_all_others_are(
    platform: Platform, make_tenant: MakeTenant
) -> None:
    moving, other = await make_tenant(), await make_tenant()
    await _set_moving(platform, moving, is_moving=True)
    async with platform.databases.ledger("main").begin() as ledger:
        await ledger.execute(text(f"delete {SCHEDULES}"), {"role": other.role})

    migrated = await asyncio.to_thread(opscom, "migrate", **settings_of(platform))

    await _set_moving(platform, moving, is_moving=False)
    assert migrated.returncode == 1
    assert f"{moving.schema}: not furnished: This site is being moved" in migrated.stdout
    assert migrated.stderr.startswith("migrations.failed: ")
    async with platform.databases.ledger("main").connect() as ledger:
        assert await ledger.scalar(text(f"select count(*) {SCHEDULES}"), {"role": other.role}) > 0


async def _set_moving(platform: Platform, environment: Environment, *, is_moving: bool) -> None:
    async with platform.databases.control().begin() as connection:
        row = update(EnvironmentRow).where(EnvironmentRow.id == environment.id)
        await connection.execute(row.values(is_moving=is_moving))
