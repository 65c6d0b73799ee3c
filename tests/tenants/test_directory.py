"""The registry in memory: what changed is read again, the rest is kept, and nothing is missed."""

import asyncio
import gc
from pathlib import Path

import pytest
from sqlalchemy import text

from opscom.platform import Platform
from tenants.environments import Environment, EnvironmentKind
from tenants.registry.actions import register_environment
from tenants.registry.directory import Registry
from tenants.registry.kept import MapFile
from tenants.registry.read import AT_ONCE
from tests.fixtures.platform import MakeTenant
from tests.patience import comes_about

CHANGES = {
    "a name": "update registry.tenant set name = 'Renamed' where id = :tenant",
    "a state": "update registry.environment set state = 'suspended' where id = :environment",
    "a host more": (
        "insert into registry.hostname (name, environment_id, kind) values (:slug || '.example.org', :environment, 'vanity')"
    ),
    "a host less": "delete from registry.hostname where environment_id = :environment",
    "another host": "update registry.hostname set name = 'new-' || name where environment_id = :environment",
    "a key less": "delete from registry.data_key where tenant_id = :tenant",
    "an environment less": "update registry.environment set state = 'deleted' where id = :environment",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
async def test_what_changed_is_read_again_and_the_rest_is_kept(
    platform: Platform, make_tenant: MakeTenant, statement: str
) -> None:
    changed, other = await make_tenant(), await make_tenant()
    follower = await _loaded(platform)
    kept = follower.by_id(other.id)

    await _run(platform, statement, changed)
    await follower.load()

    assert follower.current == (await _loaded(platform)).current
    assert follower.by_id(other.id) is kept


async def test_a_host_that_goes_to_another_tenant_changes_both(platform: Platform, make_tenant: MakeTenant) -> None:
    one, two = await make_tenant(), await make_tenant()
    async with platform.databases.control().begin() as connection:
        spare = await register_environment(
            connection, two.tenant.id, EnvironmentKind.BETA, cell=two.cell, host=f"spare.{two.primary_host}"
        )
    follower = await _loaded(platform)

    await _run(
        platform,
        f"update registry.hostname set environment_id = '{spare}', is_primary = false where environment_id = :environment",
        one,
    )
    await follower.load()

    assert follower.current == (await _loaded(platform)).current
    assert follower.by_host(one.primary_host) is None


async def test_the_environments_of_a_tenant_are_known_in_the_order_in_which_they_were_made(
    platform: Platform, make_tenant: MakeTenant
) -> None:
    tenant, other = await make_tenant(), await make_tenant()
    follower = await _loaded(platform)
    made = [tenant.id]
    for kind in (EnvironmentKind.TEST, EnvironmentKind.BETA):
        async with platform.databases.control().begin() as connection:
            where = {"cell": tenant.cell, "host": f"{kind}.{tenant.primary_host}"}
            made.append(await register_environment(connection, tenant.tenant.id, kind, **where))

    await follower.load()

    assert [[one.id for one in follower.siblings(known)] for known in made] == [made] * 3
    assert [one.id for one in follower.of_tenant(other.tenant.id)] == [other.id]
    assert follower.siblings(tenant.tenant.id) == ()


async def test_what_no_process_holds_changes_no_version(platform: Platform, tenant: Environment) -> None:
    """Every login writes when somebody was last seen in a preview: no reason to read anything again."""
    follower = await _loaded(platform)
    before = follower.current

    await _run(platform, "update registry.environment set last_login_at = now() where id = :environment", tenant)
    await follower.load()

    assert follower.current is before


async def test_a_change_of_no_single_tenant_has_everything_read_again(platform: Platform, tenant: Environment) -> None:
    follower = await _loaded(platform)
    kept = follower.by_id(tenant.id)

    await _run(platform, "update registry.cell set is_open = is_open", tenant)
    await follower.load()

    assert follower.by_id(tenant.id) == kept
    assert follower.by_id(tenant.id) is not kept
    assert follower.current == (await _loaded(platform)).current


async def test_a_version_of_another_time_has_everything_read_again(platform: Platform, tenant: Environment) -> None:
    """After a recovery of the registry its version may be lower than what processes know."""
    follower = await _loaded(platform)
    await _run(platform, "update registry.tenant set name = 'Later' where id = :tenant", tenant)
    await follower.load()

    await _run(platform, "update registry.version set number = number - 2", tenant)
    await follower.load()

    assert follower.current == (await _loaded(platform)).current
    await platform.registry.load()  # before the next change has the number that it knows


async def test_of_two_changes_at_once_neither_is_missed(platform: Platform, make_tenant: MakeTenant) -> None:
    """A slow transaction must not commit a version below one that was seen already."""
    slow, quick = await make_tenant(), await make_tenant()
    follower = await _loaded(platform)

    async with platform.databases.control().begin() as connection:
        await connection.execute(text(CHANGES["a name"]), {"tenant": slow.tenant.id})
        second = asyncio.create_task(_run(platform, CHANGES["a name"], quick))
        done, _ = await asyncio.wait([second], timeout=0.3)
        await follower.load()
        assert (done, _names(follower, slow, quick)) == (set(), ["A Tenant", "A Tenant"])
    await second
    await follower.load()

    assert _names(follower, slow, quick) == ["Renamed", "Renamed"]


async def test_who_goes_away_while_it_is_read_leaves_nothing_open(
    platform: Platform, tenant: Environment, recwarn: pytest.WarningsRecorder
) -> None:
    """A cursor of the server was left to the garbage collector, whenever a request that waited for the map was cancelled."""
    gc.collect()
    recwarn.clear()  # of what others left

    for moment in range(60):
        reading = asyncio.create_task(Registry(platform.databases).load())
        await asyncio.wait([reading], timeout=moment / 5_000)
        reading.cancel()
        await asyncio.wait([reading])
    gc.collect()

    # One may be lost where a cancellation meets the pool in the act of handing a connection over; the cursor was each time.
    lost = [warning for warning in recwarn if "garbage collector" in str(warning.message)]
    assert len(lost) <= 1
    assert (await _loaded(platform)).by_id(tenant.id) is not None


async def test_more_rows_than_are_read_at_once_are_all_read(platform: Platform, tenant: Environment) -> None:
    names = frozenset(f"many-{number}.example.org" for number in range(2 * AT_ONCE + 1))
    await _run(
        platform,
        "insert into registry.hostname (name, environment_id, kind)"
        f" select 'many-' || n || '.example.org', :environment, 'vanity' from generate_series(0, {len(names) - 1}) n",
        tenant,
    )

    found = (await _loaded(platform)).by_id(tenant.id)

    assert found is not None
    assert found.hosts == names | {tenant.primary_host}
    await _run(
        platform, "delete from registry.hostname where environment_id = :environment and kind = 'vanity'", tenant
    )


async def test_one_change_after_another_does_not_have_all_tenants_written_down_each_time(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    file = MapFile(tmp_path / "map")
    registry = Registry(platform.databases, file)
    await registry.load()
    first = registry.version

    await _run(platform, CHANGES["a name"], tenant)
    await registry.load()

    kept = file.read()
    assert kept is not None
    assert (kept.version, registry.version > first) == (first, True)

    await registry.end()
    last = file.read()
    assert last is not None
    assert last.version == registry.version


async def test_a_row_that_is_not_understood_ends_nothing(platform: Platform, tenant: Environment) -> None:
    """One of a newer release: once the process never heard of any change again, and nobody was told."""
    follower = await _loaded(platform)
    following = asyncio.create_task(follower.run(platform.bus))
    await _run(platform, "update registry.environment set kind = 'galactic' where id = :environment", tenant)
    await platform.bus.nudge("registry")
    await asyncio.wait([following], timeout=0.5)
    assert follower.by_id(tenant.id) == tenant

    await _run(platform, "update registry.environment set kind = 'production' where id = :environment", tenant)
    await _run(platform, CHANGES["a name"], tenant)
    await platform.bus.nudge("registry")

    await comes_about(lambda: _names(follower, tenant) == ["Renamed"])
    following.cancel()


def _names(registry: Registry, *environments: Environment) -> list[str]:
    return [registry.current.by_id[environment.id].tenant.name for environment in environments]


async def _loaded(platform: Platform) -> Registry:
    """A registry that has read everything."""
    registry = Registry(platform.databases)
    await registry.load()
    return registry


async def _run(platform: Platform, statement: str, environment: Environment) -> None:
    """As the provisioner: also what our own logins may not do."""
    values = {"tenant": environment.tenant.id, "environment": environment.id, "slug": environment.tenant.slug}
    named = {name: value for name, value in values.items() if f":{name}" in statement}
    async with platform.databases.provisioner().begin() as connection:
        await connection.execute(text(statement), named)
