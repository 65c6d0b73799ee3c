"""Old data keys: kept for as long as a secret or a backup needs them, and gone afterwards."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.settings.models import Integration
from opscom.models import environment_models
from opscom.platform import Platform
from tenants.backups.actions import back_up, remove
from tenants.environments import Environment
from tenants.old_keys import SETTLED, remove_old_data_keys
from tenants.registry.models import DataKeyRow
from tenants.registry.records import BackupRow
from tenants.rotation import new_data_keys, reseal, sealed_columns


@pytest.fixture
async def rotated(platform: Platform, tenant: Environment) -> Environment:
    """A tenant with a secret from before its second data key."""
    sealed = platform.databases.vault(tenant).seal("hidden")
    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(Integration(vendor="mistall", is_enabled=True, live_password=sealed))
    await new_data_keys(platform.databases, actor="ann")
    await platform.registry.load()
    return tenant


async def test_a_key_goes_when_no_secret_is_sealed_with_it(platform: Platform, rotated: Environment) -> None:
    await _remove(platform)
    assert await _versions(platform, rotated) == [1, 2]

    await _reseal(platform, rotated)
    await _remove(platform)

    assert await _versions(platform, rotated) == [2]
    await platform.registry.load()
    assert platform.databases.vault(rotated).open(await _secret(platform, rotated)) == "hidden"


async def test_a_key_stays_for_a_backup_that_needs_it_and_goes_with_that(
    platform: Platform, rotated: Environment
) -> None:
    old = await back_up(platform.copier, rotated, reason="by hand", actor="ann")
    await _reseal(platform, rotated)
    new = await back_up(platform.copier, rotated, reason="by hand", actor="ann")
    assert (await _of_backup(platform, old), await _of_backup(platform, new)) == ([1], [2])

    await _remove(platform)
    assert await _versions(platform, rotated) == [1, 2]
    await remove(platform.copier, old, f"{rotated.tenant.id}/{rotated.id}/{old}")
    await _remove(platform)

    assert await _versions(platform, rotated) == [2]


@pytest.mark.parametrize("state", ["complete", "running"])
async def test_all_keys_stay_while_it_is_not_known_what_a_backup_needs(
    platform: Platform, rotated: Environment, state: str
) -> None:
    """One that is being taken, or that an earlier release took."""
    await _reseal(platform, rotated)
    backup = await back_up(platform.copier, rotated, reason="by hand", actor="ann")
    async with platform.databases.control().begin() as connection:
        unknown = update(BackupRow).where(BackupRow.id == backup).values(state=state, data_keys=None)
        await connection.execute(unknown)

    await _remove(platform)

    assert await _versions(platform, rotated) == [1, 2]


async def test_all_keys_stay_until_every_process_seals_with_the_newest(
    platform: Platform, rotated: Environment
) -> None:
    await _reseal(platform, rotated)

    await remove_old_data_keys(platform.copier)

    assert await _versions(platform, rotated) == [1, 2]


async def _remove(platform: Platform) -> None:
    later = utc_now() + SETTLED + timedelta(minutes=1)
    await remove_old_data_keys(replace(platform.copier, clock=lambda: later))


async def _reseal(platform: Platform, environment: Environment) -> None:
    async with platform.databases.work(environment, Actor.system()) as work:
        assert await reseal(work, sealed_columns(environment_models())) == 1


async def _versions(platform: Platform, environment: Environment) -> list[int]:
    d = DataKeyRow
    async with platform.databases.control().connect() as connection:
        found = await connection.scalars(
            select(d.version).where(d.tenant_id == environment.tenant.id).order_by(d.version)
        )
        return list(found.all())


async def _secret(platform: Platform, environment: Environment) -> str:
    async with platform.databases.work(environment, Actor.system()) as work:
        return str(await work.scalar(select(Integration.live_password)))


async def _of_backup(platform: Platform, backup_id: UUID) -> list[int] | None:
    async with platform.databases.control().connect() as connection:
        found: list[int] | None = await connection.scalar(select(BackupRow.data_keys).where(BackupRow.id == backup_id))
        return found
