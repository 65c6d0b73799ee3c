"""Exports that a worker made, listed and fetched on the command line."""

import zipfile
from pathlib import Path

from domain.kernel.ids import uuid7
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.lifecycle.exports import exports_of, store_export
from tests.faults.doomed import run


async def test_an_export_is_listed_fetched_once_and_nothing_is_overwritten(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    slug, said, to = tenant.tenant.slug, tmp_path / "said", tmp_path / "export.zip"
    await store_export(platform.copier, tenant.tenant.id, actor="ann")
    (stored,) = await exports_of(platform.databases, tenant.tenant.id)

    async def opscom(*words: str) -> int:
        return await run(list(words), platform.settings, said)

    assert await opscom("tenant", "exports", slug) == 0
    assert await opscom("tenant", "fetch-export", slug, str(stored.id), "--to", str(to)) == 0
    size = to.stat().st_size
    assert await opscom("tenant", "fetch-export", slug, str(stored.id), "--to", str(to)) == 1
    assert await opscom("tenant", "fetch-export", slug, str(uuid7()), "--to", str(tmp_path / "none.zip")) == 1

    text = said.read_text()
    assert f"{stored.id}\t{stored.made_at:%Y-%m-%d %H:%MZ}\t{stored.until:%Y-%m-%d %H:%MZ}\t{stored.rows}\t" in text
    assert f"{to}: File exists" in text
    assert "export.not_found" in text
    assert (to.stat().st_size, (tmp_path / "none.zip").exists()) == (size, False)
    with zipfile.ZipFile(to) as archive:
        assert "README.txt" in archive.namelist()
