"""Keys on the control plane."""

from sqlalchemy import select, text

from domain.kernel.actor import Actor
from domain.settings.models import Integration
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.schemas import Asking, codes
from tests.schema.ops.test_lifecycle import STAFF

RING = "{ keyRing { keys { name fingerprint wraps } unreadable } }"
ROTATE = """mutation ($dataKeys: Boolean!) {
    rotateKeys(dataKeys: $dataKeys) { keyRing { keys { name wraps } } userErrors { code } } }"""
RESEAL = "mutation { resealSecrets { userErrors { code } } }"


async def test_staff_see_what_each_key_of_the_ring_wraps(ops: Asking, tenant: Environment) -> None:
    ring = (await ops.data(RING, actor=STAFF))["keyRing"]

    async with ops.services.databases.control().connect() as connection:
        held = await connection.scalar(
            text("select (select count(*) from registry.data_key) + (select count(*) from registry.backup_key)")
        )
    (shown,) = ops.services.databases.key_ring.fingerprints().values()
    assert tenant.tenant.id in ops.services.registry.current.data_keys
    assert ring == {"keys": [{"name": "test", "fingerprint": shown, "wraps": held}], "unreadable": 0}


async def test_staff_give_every_tenant_a_new_data_key_and_a_worker_seals_with_it(
    ops: Asking, tenant: Environment, desk: Desk
) -> None:
    databases = ops.services.databases
    sealed = databases.vault(tenant).seal("hidden")
    async with databases.work(tenant, Actor.system()) as work:
        work.add(Integration(vendor="mistall", is_enabled=True, live_password=sealed, test_token=sealed))

    done = await ops.data(ROTATE, {"dataKeys": True}, actor=STAFF)
    (run,) = await desk.rows("select id from platform.task_run where task = 'reseal'")
    await desk.runner().run(run["id"])

    async with databases.work(tenant, Actor.system()) as work:
        row = await work.scalar(select(Integration))
    assert done["rotateKeys"]["userErrors"] == []
    assert row is not None
    assert [str(secret).partition(":")[0] for secret in (row.live_password, row.test_token)] == ["2", "2"]
    assert databases.vault(tenant).open(str(row.live_password)) == "hidden"


async def test_a_worker_tries_again_what_it_could_not_seal(ops: Asking, tenant: Environment, desk: Desk) -> None:
    async with ops.services.databases.work(tenant, Actor.system()) as work:
        work.add(Integration(vendor="mistall", is_enabled=True, live_password="7:AAAA"))

    await ops.data(RESEAL, actor=STAFF)
    (run,) = await desk.rows("select id from platform.task_run where task = 'reseal'")
    await desk.runner().run(run["id"])

    ended = await desk.run(run["id"])
    lines = await desk.lines(run["id"])
    assert (ended["state"], ended["error_class"]) == ("queued", "secrets_left")
    assert ("secret.unreadable", tenant.schema) in [(line["code"], line["data"].get("name")) for line in lines]


async def test_nobody_else_sees_the_ring_or_rotates(ops: Asking) -> None:
    for asked, values in ((RING, {}), (ROTATE, {"dataKeys": False}), (RESEAL, {})):
        assert codes(await ops(asked, values, actor=Actor.guest())) == ["login_required"]
