"""Rotating keys: an old key may leave the ring when all is wrapped under the new one, and no secret is lost on the way."""

import base64
import os
from copy import copy

import pytest
from sqlalchemy import delete, insert, select

from domain.kernel.actor import Actor
from domain.settings.models import Integration
from opscom.models import environment_models
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.copies.sanitise import Sanitiser
from tenants.environments import Environment
from tenants.keys.backups import identity_of
from tenants.keys.ciphertext import SecretUnreadable
from tenants.keys.resealing import reseal
from tenants.keys.ring import KeyRing
from tenants.keys.rotation import key_use, new_data_keys, rewrap
from tenants.keys.vault import TenantVault
from tenants.registry.models import DataKeyRow
from tests.fixtures.platform import SECRET_KEYS, MakeTenant

LOST = f"lost:{base64.b64encode(os.urandom(32)).decode()}"
NEW = f"newer:{base64.b64encode(os.urandom(32)).decode()}"


async def test_after_a_rotation_the_old_key_may_leave_the_ring(platform: Platform, tenant: Environment) -> None:
    sealed = platform.databases.vault(tenant).seal("hidden")
    await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    databases = copy(platform.databases)
    databases.key_ring = KeyRing.parse(f"{NEW},{SECRET_KEYS}")

    first = await rewrap(databases, actor="ann")
    again = await rewrap(databases, actor="ann")

    await platform.registry.load()
    wrapped = platform.registry.current.data_keys[tenant.tenant.id]
    try:
        assert first.changed >= 2
        assert (again.changed, again.unchanged) == (0, first.changed + first.unchanged)
        assert TenantVault(KeyRing.parse(NEW), wrapped, tenant.tenant.id).open(sealed) == "hidden"
        with pytest.raises(SecretUnreadable):
            TenantVault(KeyRing.parse(SECRET_KEYS), wrapped, tenant.tenant.id).open(sealed)
        async with platform.databases.control().connect() as connection:
            identity = await identity_of(connection, KeyRing.parse(NEW), tenant.tenant.id)
        assert identity.startswith("AGE-SECRET-KEY-1")
    finally:
        databases.key_ring = KeyRing.parse(f"{SECRET_KEYS},{NEW}")
        await rewrap(databases, actor="ann")
        await platform.registry.load()


async def test_a_key_that_does_not_open_stops_the_rotation_of_no_other(
    platform: Platform, tenant: Environment, make_tenant: MakeTenant
) -> None:
    """Once it was told without a name, and nobody's keys were wrapped."""
    lost, other = tenant.tenant.id, (await make_tenant()).tenant.id
    row = {"tenant_id": lost, "version": 2, "wrapped": KeyRing.parse(LOST).wrap(b"d" * 32, lost)}
    databases = copy(platform.databases)
    databases.key_ring = KeyRing.parse(f"{NEW},{SECRET_KEYS}")
    async with platform.databases.control().begin() as connection:
        await connection.execute(insert(DataKeyRow).values(row))
    try:
        done, use = await rewrap(databases, actor="ann"), await key_use(databases)

        await platform.registry.load()
        keys = platform.registry.current.data_keys
        assert (done.unreadable, use.unreadable) == ((lost,), (lost,))
        assert (set(use.by_name), use.by_name["newer"]) == ({"newer"}, done.changed)
        assert [keys[other][1].partition(":")[0], keys[lost][1].partition(":")[0]] == ["newer", "newer"]
        assert keys[lost][2] == row["wrapped"]
    finally:
        async with platform.databases.control().begin() as connection:
            await connection.execute(delete(DataKeyRow).where(DataKeyRow.tenant_id == lost, DataKeyRow.version == 2))
        databases.key_ring = KeyRing.parse(f"{SECRET_KEYS},{NEW}")
        await rewrap(databases, actor="ann")
        await platform.registry.load()


async def test_a_rotation_of_all_tenants_is_few_changes_of_the_registry(
    platform: Platform, tenant: Environment, make_tenant: MakeTenant
) -> None:
    """Each raises the version, whose row nobody else may change meanwhile: once it was one for every key."""
    await make_tenant()
    await platform.registry.load()
    before, known = platform.registry.version, len(platform.registry.current.data_keys)

    added = await new_data_keys(platform.databases, actor="ann")

    await platform.registry.load()
    assert (added, platform.registry.version) == (known, before + 1)
    assert max(platform.registry.current.data_keys[tenant.tenant.id]) == 2


async def test_a_new_data_key_seals_from_then_on_and_the_old_secrets_follow(
    platform: Platform, tenant: Environment
) -> None:
    old = platform.databases.vault(tenant).seal("hidden")
    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(Integration(vendor="mistall", is_enabled=True, live_password=old, test_token=old))

    await new_data_keys(platform.databases, actor="ann")
    await platform.registry.load()
    columns = platform.copier.sanitiser.sealed
    async with platform.databases.work(tenant, Actor.system()) as work:
        changed = await reseal(work, columns)
    async with platform.databases.work(tenant, Actor.system()) as work:
        again = await reseal(work, columns)
        row = await work.scalar(select(Integration))

    vault = platform.databases.vault(tenant)
    assert row is not None
    assert (changed, again) == (2, 0)
    assert [str(value).partition(":")[0] for value in (row.live_password, row.test_token)] == ["2", "2"]
    assert vault.open(str(row.live_password)) == vault.open(old) == "hidden"


def test_every_column_that_a_vault_seals_is_declared() -> None:
    """Found by name: what is called a password, token or key and is no hash must be known to the rotation."""
    declared = Sanitiser.of(environment_models()).sealed
    secret = {
        (model.__tablename__, column.name)
        for model in environment_models()
        for column in model.__table__.columns
        if column.name.endswith(("_password", "_token", "_key")) and column.info.get("preview") is not None
    }

    assert secret == {(table, name) for table, names in declared.items() for name in names}
