"""How far the migration of all environments is, on the control plane."""

from sqlalchemy import update

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.registry.models import EnvironmentRow
from tests.fixtures.schemas import Asking
from tests.schema.ops.test_lifecycle import STAFF

STATUS = "{ migrations { head behind heads { head environments failed nextIsConcurrent } failures { tenant schema error } } }"


async def test_staff_see_who_is_behind_and_why(ops: Asking, platform: Platform, tenant: Environment) -> None:
    before = (await ops.data(STATUS, actor=STAFF))["migrations"]
    row = update(EnvironmentRow).where(EnvironmentRow.id == tenant.id)
    async with platform.databases.control().begin() as connection:
        await connection.execute(row.values(head="0001", migration_error="no room"))

    try:
        after = (await ops.data(STATUS, actor=STAFF))["migrations"]
    finally:
        async with platform.databases.control().begin() as connection:
            await connection.execute(row.values(head=tenant.head, migration_error=None))

    assert (before["head"], before["heads"][0]["head"]) == (tenant.head, tenant.head)
    assert after["behind"] == before["behind"] + 1
    assert {"head": "0001", "environments": 1, "failed": 1, "nextIsConcurrent": False} in after["heads"]
    assert {"tenant": tenant.tenant.slug, "schema": tenant.schema, "error": "no room"} in after["failures"]
