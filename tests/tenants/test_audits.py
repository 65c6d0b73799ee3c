"""The audits find what was planted, and nothing in what provisioning made."""

import psycopg
import pytest

from opscom.platform import Platform
from tenants.audits import Finding, find_drift, find_leaning, find_stray_grants
from tenants.environments import Environment
from tenants.orphans import audit_everything
from tests.fixtures.platform import MakeTenant
from tests.tenants.test_fleet import HEAD, _run, _set_head

DRIFT = [
    ("alter table {a}.lot add column colour text", "unknown: column lot.colour text"),
    ("alter table {a}.lot drop column name", "missing: column lot.name text not null"),
    ("create index planted on {a}.lot (name)", "unknown: index CREATE INDEX planted ON lot USING btree (name)"),
    ("alter table {a}.permit drop constraint permit_lot_id_fk", "missing: constraint permit permit_lot_id_fk"),
]
LEANING = [
    (
        "alter table {a}.lot add constraint planted foreign key (id) references {b}.lot",
        "foreign key planted leans on {b}",
    ),
    (
        "create sequence {b}.numbers; alter table {a}.lot add column n bigint default nextval('{b}.numbers')",
        "default of lot leans on {b}",
    ),
    ("create view {a}.planted as select id from {b}.lot", "view planted leans on {b}"),
]


@pytest.mark.parametrize(("statement", "expected"), DRIFT)
async def test_a_schema_of_another_shape_is_found(
    platform: Platform, make_tenant: MakeTenant, statement: str, expected: str
) -> None:
    ours, other = await make_tenant(), await make_tenant()
    assert await find_drift(platform.databases, [ours, other]) == []

    await _run(platform, statement.format(a=ours.schema))

    found = await find_drift(platform.databases, [ours, other])
    assert {one.schema for one in found} == {ours.schema}
    assert any(one.what.startswith(expected) for one in found), found


async def test_who_is_not_served_for_want_of_a_migration_is_found(platform: Platform, tenant: Environment) -> None:
    """An older release that is still at work makes environments at the head that it knows."""
    await _set_head(platform, tenant, "0001")

    found = [one for one in await audit_everything(platform.copier) if one.schema == tenant.schema]

    assert found == [Finding(tenant.schema, f"stands at 0001, behind {HEAD}")]
    await _set_head(platform, tenant, HEAD)
    assert [one for one in await audit_everything(platform.copier) if one.schema == tenant.schema] == []


async def test_an_index_that_a_broken_build_left_is_found(platform: Platform, tenant: Environment) -> None:
    """No query uses it, and its definition is the same."""
    table = f"{tenant.schema}.preview_guest"
    guest = f"insert into {table} values (gen_random_uuid(), 'ann', now(), 'ann')"
    await _run(platform, f"drop index {tenant.schema}.preview_guest_name_key_uq; {guest}; {guest}")
    async with await platform.databases.owner_connector("main").connect_async() as one:
        await one.execute(f"set role {platform.databases.database_name('main')}_owner".encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            await one.execute(
                f"create unique index concurrently preview_guest_name_key_uq on {table} (name_key)".encode()
            )

    found = [one.what for one in await find_drift(platform.databases, [tenant])]

    index = "index CREATE UNIQUE INDEX preview_guest_name_key_uq ON preview_guest USING btree (name_key)"
    assert found == [f"missing: {index}", f"unknown: {index} invalid"]


@pytest.mark.parametrize(("statement", "expected"), LEANING)
async def test_what_leans_on_another_tenants_schema_is_found(
    platform: Platform, make_tenant: MakeTenant, statement: str, expected: str
) -> None:
    ours, other = await make_tenant(), await make_tenant()

    await _run(platform, statement.format(a=ours.schema, b=other.schema))

    found = [one for one in await find_leaning(platform.databases, "main") if one.schema == ours.schema]
    assert [one.what for one in found] == [expected.format(b=other.schema)]
    await _run(platform, f"drop schema {ours.schema} cascade; create schema {ours.schema}")
    assert [one for one in await find_leaning(platform.databases, "main") if one.schema == ours.schema] == []


async def test_a_role_that_may_use_a_second_schema_is_found(platform: Platform, make_tenant: MakeTenant) -> None:
    ours, other = await make_tenant(), await make_tenant()
    everybody = [*platform.registry.current.by_id.values()]
    before = await find_stray_grants(platform.databases, "main", everybody)

    await _run(platform, f"grant usage on schema {other.schema} to {ours.role}")

    found = await find_stray_grants(platform.databases, "main", everybody)
    assert set(found) - set(before) == {Finding(other.schema, f"granted to {ours.role}")}
    await _run(platform, f"revoke usage on schema {other.schema} from {ours.role}")
