"""The proof of a deletion, and what a recovery of the database brought back is deleted again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from domain.kernel.clock import utc_now
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.environments import Environment, State
from tenants.keys.backups import recipient_of
from tenants.keys.ciphertext import SecretUnreadable
from tenants.lifecycle.deleting import BASE_BACKUPS_KEPT, delete_tenant
from tenants.lifecycle.erasures import ErasureNotFound, apply, erasure_of
from tenants.lifecycle.forgetting import OVERWRITTEN
from tenants.orphans import find_orphans
from tenants.previews.actions import Who, set_lock
from tenants.registry.models import DataKeyRow, EnvironmentRow, HostnameRow, TenantRow
from tenants.registry.records import CopyRow, ErasureRow
from tests.tenants.test_backups import _schemas
from tests.tenants.test_previews import _refreshed

pytestmark = pytest.mark.usefixtures("swept")

_MARKS = {"embedding_sites": "'{erase-me-19}'", "exempt_networks": "'{erase-me-19}'"}


async def test_the_proof_says_what_was_removed_and_until_when_unreadable_rest_is_kept(
    platform: Platform, tenant: Environment
) -> None:
    await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    proof = await erasure_of(platform.databases.control(), tenant.tenant.slug)

    assert proof == await erasure_of(platform.databases.control(), str(tenant.tenant.id))
    assert (proof.actor, proof.reason, proof.schemas, proof.backups) == ("ann", "contract ended", [tenant.schema], 1)
    assert proof.keys_destroyed_at is not None
    assert not proof.is_final(utc_now())
    assert proof.is_final(utc_now() + BASE_BACKUPS_KEPT + timedelta(minutes=1))
    with pytest.raises(ErasureNotFound):
        await erasure_of(platform.databases.control(), "nobody")


async def test_a_registry_that_was_recovered_from_before_a_deletion_deletes_the_tenant_again(
    platform: Platform, tenant: Environment
) -> None:
    """The recovered database knows nothing of the deletion; the tombstone beside the backups does."""
    control, tenant_id = platform.databases.control(), tenant.tenant.id
    async with control.connect() as connection:
        wanted = select(DataKeyRow.__table__).where(DataKeyRow.tenant_id == tenant_id)
        key = (await connection.execute(wanted)).mappings().one()
    await delete_tenant(platform.copier, tenant_id, actor="ann", reason="contract ended")
    await _as_owner(platform, f"create schema {tenant.schema}; create table {tenant.schema}.lot ()")
    await _recovered(platform, tenant, dict(key))
    await platform.registry.load()
    assert platform.registry.by_host(tenant.primary_host) is not None

    assert await apply(platform.copier, actor="ann") == [tenant_id]

    await platform.registry.load()
    assert platform.registry.by_id(tenant.id) is None
    assert tenant.schema not in await _schemas(platform)
    assert (await erasure_of(control, str(tenant_id))).reason == "contract ended"
    assert await find_orphans(platform.copier) == []
    assert await apply(platform.copier, actor="ann") == []


async def test_a_cell_that_was_recovered_from_before_a_deletion_is_emptied_of_the_tenant_again(
    platform: Platform, tenant: Environment
) -> None:
    """The registry knows of the deletion, the cell has schema, role and rows again."""
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")
    database = platform.databases.database_name("main")
    async with platform.databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(f"create role {tenant.role}; grant {tenant.role} to {database}_app")
    await _as_owner(platform, f"create schema {tenant.schema}; grant usage on schema {tenant.schema} to {tenant.role}")
    async with platform.databases.ledger("main").begin() as connection:
        run = "insert into platform.task_run (id, environment, task, trigger) values (:id, :role, 'purge', 'event')"
        await connection.execute(text(run), {"id": tenant.id, "role": tenant.role})

    await apply(platform.copier, actor="ann")

    assert tenant.schema not in await _schemas(platform)
    assert await find_orphans(platform.copier) == []


async def test_every_word_that_the_registry_has_of_a_tenants_people_is_forgotten(
    platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    await set_lock(platform.databases, preview.id, is_locked=True, reason="erase-me-19", who=Who("erase-me-19"))
    mine = f"(select id from registry.environment where tenant_id = '{tenant.tenant.id}')"
    for table, columns in OVERWRITTEN.items():
        words = {name: _MARKS.get(name, "'erase-me-19'") for name in columns if not name.endswith("_id")}
        values = ", ".join(f"{name} = {word}" for name, word in words.items())
        key = "id" if table == "environment" else "environment_id"
        await _as_owner(platform, f"update registry.{table} set {values} where {key} in {mine}")
    assert await _tables_with(platform, "erase-me-19") == sorted({*OVERWRITTEN, "audit"})

    await delete_tenant(platform.copier, tenant.tenant.id, actor="sam", reason="contract ended")

    assert await _tables_with(platform, "erase-me-19") == []


async def test_no_backup_makes_a_key_again_for_a_tenant_whose_keys_were_destroyed(
    platform: Platform, tenant: Environment
) -> None:
    """A run that was under way still did, and what it wrote could be opened."""
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")

    with pytest.raises(SecretUnreadable):
        await back_up(platform.copier, tenant, reason="nightly", actor="Back Up")

    assert await find_orphans(platform.copier) == []


async def test_a_key_that_is_being_made_while_a_deletion_begins_is_destroyed_with_the_others(
    platform: Platform, tenant: Environment
) -> None:
    control, tenant_id = platform.databases.control(), tenant.tenant.id
    waits = text("select 1 from pg_locks where not granted and :pid = any(pg_blocking_pids(pid))")
    async with control.begin() as connection:
        pid = await connection.scalar(text("select pg_backend_pid()"))
        await recipient_of(connection, platform.key_ring, tenant_id)
        deleting = asyncio.create_task(delete_tenant(platform.copier, tenant_id, actor="ann", reason="contract ended"))
        while not deleting.done():
            async with platform.databases.provisioner().connect() as other:
                if await other.scalar(waits, {"pid": pid}) is not None:
                    break
    await deleting

    assert await find_orphans(platform.copier) == []


async def _tables_with(platform: Platform, word: str) -> list[str]:
    """The tables of the registry that have a word in any column."""
    found = []
    async with platform.databases.control().connect() as connection:
        for table in CopyRow.metadata.tables.values():
            wanted = f"select 1 from registry.{table.name} r where to_jsonb(r)::text like :word limit 1"
            if await connection.scalar(text(wanted), {"word": f"%{word}%"}) is not None:
                found.append(table.name)
    return sorted(found)


async def _recovered(platform: Platform, tenant: Environment, key: dict[str, Any]) -> None:
    """As a base backup of before the deletion has it."""
    tenant_id = tenant.tenant.id
    async with platform.databases.provisioner().begin() as connection:
        await connection.execute(text(f"set local role {platform.databases.database_name('')}_owner"))
        await connection.execute(delete(ErasureRow).where(ErasureRow.tenant_id == tenant_id))
        states = {"state": State.ACTIVE}
        await connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(states))
        await connection.execute(update(EnvironmentRow).where(EnvironmentRow.id == tenant.id).values(states))
        await connection.execute(insert(DataKeyRow).values(key))
        host = {"name": tenant.primary_host, "environment_id": tenant.id, "is_primary": True}
        await connection.execute(insert(HostnameRow).values(host))


async def _as_owner(platform: Platform, statement: str) -> None:
    async with platform.databases.owner("main").begin() as connection:
        owner = f"{platform.databases.database_name('main')}_owner"
        await connection.exec_driver_sql(f"set local role {owner}; {statement}")
