"""Refreshes on the command line: one at a time, and no locked preview unless it is said."""

from pathlib import Path

from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.environments import Environment
from tests.faults.doomed import run
from tests.tenants.test_previews import _refreshed


async def test_a_lock_and_a_refresh_under_way_are_told(platform: Platform, tenant: Environment, tmp_path: Path) -> None:
    await _refreshed(platform, tenant)
    backup_id = str(await back_up(platform.copier, tenant, reason="by hand", actor="ann"))
    slug, said = tenant.tenant.slug, tmp_path / "said"

    async def opscom(*words: str) -> int:
        return await run(list(words), platform.settings, said)

    assert await opscom("preview", "lock", slug, "--reason", "Ann trains the desk") == 0
    assert await opscom("preview", "refresh", slug, backup_id) == 1
    assert "preview.locked: The preview is locked: Ann trains the desk" in said.read_text()
    assert await opscom("preview", "refresh", slug, backup_id, "--override-lock") == 0
    assert await opscom("preview", "refresh", slug, backup_id, "--override-lock") == 1

    assert "copy.running: A copy into this environment is under way already." in said.read_text()
