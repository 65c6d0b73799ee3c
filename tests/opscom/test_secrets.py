"""`opscom secrets …` and the doctor: what can not be opened is named, told by the exit code, and stops nothing else."""

import base64
import os
from pathlib import Path

from sqlalchemy import delete, insert, select

from domain.kernel.actor import Actor
from domain.settings.models import Integration
from opscom.platform import Platform
from tenants.environments import Environment, State
from tenants.keys.ring import KeyRing
from tenants.keys.rotation import new_data_keys
from tenants.lifecycle.actions import set_state
from tenants.registry.models import DataKeyRow
from tests.faults.doomed import run
from tests.fixtures.platform import MakeTenant


async def test_a_key_that_does_not_open_is_named(platform: Platform, tenant: Environment, tmp_path: Path) -> None:
    lost = KeyRing.parse(f"lost:{base64.b64encode(os.urandom(32)).decode()}").wrap(b"d" * 32, tenant.tenant.id)
    row = {"tenant_id": tenant.tenant.id, "version": 2, "wrapped": lost}
    async with platform.databases.control().begin() as connection:
        await connection.execute(insert(DataKeyRow).values(row))
    said = tmp_path / "said"

    codes = [await run(words, platform.settings, said) for words in (["secrets", "rotate"], ["doctor"])]

    async with platform.databases.control().begin() as connection:
        is_it = (DataKeyRow.tenant_id == tenant.tenant.id) & (DataKeyRow.version == 2)
        await connection.execute(delete(DataKeyRow).where(is_it))
    codes.append(await run(["secrets", "rotate"], platform.settings, said))
    assert codes == [1, 1, 0]
    assert f"a key of tenant {tenant.tenant.id} does not open with this ring" in said.read_text()
    assert f"FAIL keys: keys of 1 tenants do not open with this ring, {tenant.tenant.id} first" in said.read_text()


async def test_the_doctor_says_what_each_key_of_the_ring_still_wraps(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    said, (name, shown) = tmp_path / "said", next(iter(platform.key_ring.fingerprints().items()))

    code = await run(["doctor"], platform.settings, said)

    assert tenant.tenant.slug
    assert (code, f"{name} {shown} wraps " in said.read_text()) == (0, True)


async def test_a_secret_that_does_not_open_is_told_and_all_others_are_sealed_anew(
    platform: Platform, tenant: Environment, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    """Also those of an archived tenant, which is served by nobody and comes back with them."""
    other = await make_tenant()
    sealed = platform.databases.vault(other).seal("hidden")
    for environment, secret in ((tenant, "1:AAAA"), (other, sealed)):
        async with platform.databases.work(environment, Actor.system()) as work:
            work.add(Integration(vendor="mistall", is_enabled=True, live_password=secret))
    await set_state(platform.databases, other.tenant.id, State.ARCHIVED, actor="ann", reason="a break")
    await new_data_keys(platform.databases, actor="ann")
    said = tmp_path / "said"

    code = await run(["secrets", "reseal"], platform.settings, said)

    async with platform.databases.work(other, Actor.system()) as work:
        now = str(await work.scalar(select(Integration.live_password)))
    assert (code, now.partition(":")[0]) == (1, "2")
    assert f"{tenant.primary_host}: secret.unreadable: " in said.read_text()
