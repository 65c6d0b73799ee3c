"""Old data keys: kept for as long as a secret or a backup needs them, and gone afterwards."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.settings.models import Integration
from opscom.platform import Platform
from tenants.backups.actions import back_up, remove
from tenants.environments import Environment
from tenants.keys.resealing import reseal
from tenants.keys.retirement import remove_old_data_keys
from tenants.keys.rotation import new_data_keys
from tenants.registry.models import DataKeyRow
from tenants.registry.records import BackupRow, CopyRow


@pytest.fixture
async def rotated(platform: Platform, tenant: Environment) -> Environment:
    """A tenant with a secret from before its second data key."""
    sealed = platform.databases.vault(tenant).seal("hidden")
    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(Integration(vendor="mistall", is_enabled=True, live_password=sealed))
    await new_data_keys(platform.databases, actor="ann")
    await platform.registry.load()
    return tenant


async def test_a_key_goes_when_no_secret_was_sealed_with_it_for_as_long_as_base_backups_are_kept(
    platform: Platform, rotated: Environment
) -> None:
    await _sweep(platform, days=0)
    await _sweep(platform, days=40)
    assert await _versions(platform, rotated) == [1, 2]

    await _reseal(platform, rotated)
    await _sweep(platform, days=41)
    await _sweep(platform, days=70)
    assert await _versions(platform, rotated) == [1, 2]
    await _sweep(platform, days=72)

    assert await _versions(platform, rotated) == [2]
    await platform.registry.load()
    assert platform.databases.vault(rotated).open(await _secret(platform, rotated)) == "hidden"


async def test_a_key_that_is_needed_again_stays_for_as_long_anew(platform: Platform, rotated: Environment) -> None:
    """What a restore does, or a process that had not heard of the new key."""
    old = await _secret(platform, rotated)
    await _reseal(platform, rotated)
    await _sweep(platform, days=0)
    async with platform.databases.work(rotated, Actor.system()) as work:
        await work.execute(update(Integration).values(live_password=old))

    await _sweep(platform, days=31)
    await _reseal(platform, rotated)
    await _sweep(platform, days=32)

    assert await _versions(platform, rotated) == [1, 2]


async def test_a_key_stays_for_a_backup_that_needs_it_and_goes_with_that(
    platform: Platform, rotated: Environment
) -> None:
    old = await back_up(platform.copier, rotated, reason="by hand", actor="ann")
    await _reseal(platform, rotated)
    new = await back_up(platform.copier, rotated, reason="by hand", actor="ann")
    assert (await _of_backup(platform, old), await _of_backup(platform, new)) == ([1], [2])

    await _sweep(platform, days=0)
    await _sweep(platform, days=31)
    assert await _versions(platform, rotated) == [1, 2]
    await remove(platform.copier, old, f"{rotated.tenant.id}/{rotated.id}/{old}")
    await _sweep(platform, days=32)
    await _sweep(platform, days=63)

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

    await _sweep(platform, days=0)
    await _sweep(platform, days=31)

    assert await _versions(platform, rotated) == [1, 2]


async def test_all_keys_stay_while_a_copy_is_under_way(platform: Platform, rotated: Environment) -> None:
    """What it brings is not to be seen yet."""
    await _reseal(platform, rotated)
    async with platform.databases.control().begin() as connection:
        copy = {"id": uuid7(), "environment_id": rotated.id, "kind": "verify", "state": "running", "actor": "ann"}
        await connection.execute(insert(CopyRow).values(copy))

    await _sweep(platform, days=0)
    await _sweep(platform, days=31)

    assert await _versions(platform, rotated) == [1, 2]
    async with platform.databases.control().begin() as connection:
        await connection.execute(update(CopyRow).where(CopyRow.id == copy["id"]).values(state="complete"))


async def test_the_sweep_makes_nobody_read_anything_until_a_key_goes(platform: Platform, rotated: Environment) -> None:
    await _reseal(platform, rotated)
    await platform.registry.load()
    before = platform.registry.version

    await _sweep(platform, days=0)
    await platform.registry.load()

    assert platform.registry.version == before


async def _sweep(platform: Platform, *, days: int) -> None:
    """The part of the nightly sweep that is about keys, so many days from now."""
    moment = utc_now() + timedelta(days=days)
    await remove_old_data_keys(replace(platform.copier, clock=lambda: moment))


async def _reseal(platform: Platform, environment: Environment) -> None:
    async with platform.databases.work(environment, Actor.system()) as work:
        assert await reseal(work, platform.copier.sanitiser.sealed) == 1


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
