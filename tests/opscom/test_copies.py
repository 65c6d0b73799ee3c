"""Refreshes on the command line: one at a time, and no locked preview unless it is said."""

import re
from pathlib import Path

from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.environments import Environment
from tests.faults.doomed import run
from tests.tenants.test_previews import _refreshed


async def test_what_was_typed_wrong_is_told_in_one_line(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    """A kind that there is not, and a file that is there already, were tracebacks."""
    slug, said, taken = tenant.tenant.slug, tmp_path / "said", tmp_path / "taken.zip"
    taken.write_bytes(b"")
    wrong = [
        ("preview", "refresh", slug, str(tenant.id), "--kind", "previews"),
        ("tenant", "move", slug, "--to", "main", "--reason", "x", "--kind", "prod"),
        ("tenant", "export", slug, "--to", str(taken)),
    ]

    assert [await run(list(words), platform.settings, said) for words in wrong] == [1, 1, 1]

    lines = [line for line in said.read_text().splitlines() if not line.startswith("{")]
    assert [line.partition(".")[0] for line in lines[:2]] == [
        "invalid: Kinds of environments are production, staging, beta, preview, test, development"
    ] * 2
    assert lines[2:] == [f"{taken}: File exists"]


async def test_a_preview_is_shown_with_its_end_and_its_last_copy(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    preview = await _refreshed(platform, tenant)
    slug, said = tenant.tenant.slug, tmp_path / "said"

    assert await run(["preview", "show", slug], platform.settings, said) == 0

    lines = [line for line in said.read_text().splitlines() if not line.startswith("{")]
    assert re.fullmatch(rf"{preview.primary_host}\tends \d{{4}}-\d\d-\d\d \d\d:\d\dZ\tlast login -", lines[0])
    assert re.fullmatch(r"refresh complete: \d+ rows", lines[1])


async def test_production_is_not_shown_with_an_end(platform: Platform, tenant: Environment, tmp_path: Path) -> None:
    """It was shown to end after seven days without a login, as previews do."""
    slug, said = tenant.tenant.slug, tmp_path / "said"

    assert await run(["preview", "show", slug, "--kind", "production"], platform.settings, said) == 0

    assert f"{tenant.primary_host}\tends never: no preview\t" in said.read_text()


async def test_a_date_of_expiry_is_taken_with_its_offset_and_a_lock_is_told(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    """The offset was dropped, so that a preview ended hours before the moment that was typed."""
    preview = await _refreshed(platform, tenant)
    slug, said = tenant.tenant.slug, tmp_path / "said"

    async def opscom(*words: str) -> int:
        return await run(["preview", *words], platform.settings, said)

    assert await opscom("expire", slug, "--at", "2099-12-01T22:30:00-05:00") == 0
    assert await opscom("expire", slug, "--at", "2099-12-01 22:30") == 0
    assert await opscom("lock", slug, "--reason", "Ann trains the desk") == 0
    assert await opscom("expire", slug) == 0

    ends = [line for line in said.read_text().splitlines() if line.startswith(f"{preview.primary_host} ends ")]
    assert [line.removeprefix(f"{preview.primary_host} ends ") for line in ends] == [
        "2099-12-02 03:30Z",
        "2099-12-01 22:30Z",
        "after 7 days without a login, but not while it is locked",
    ]


async def test_the_time_of_the_nightly_backup_is_shown_and_set(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    slug, said = tenant.tenant.slug, tmp_path / "said"

    async def opscom(*words: str) -> int:
        return await run(list(words), platform.settings, said)

    assert await opscom("backup", "time", slug) == 0
    assert await opscom("backup", "time", slug, "23:15", "--time-zone", "America/Vancouver") == 0
    assert await opscom("backup", "time", slug, "--time-zone", "Europe/Paris") == 2, (
        "it was ignored, as if it were done"
    )
    assert await opscom("backup", "time", slug) == 0

    told = f"{tenant.primary_host} is backed up from"
    shown, changed, read = (line for line in said.read_text().splitlines() if line.startswith(told))
    assert shown.startswith(f"{told} 02:00 (America/Toronto), next 20")
    assert changed.startswith(f"{told} 23:15 (America/Vancouver), next 20")
    assert read == changed


async def test_a_preview_has_no_time_of_a_nightly_backup(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    """It was told when the next one is due, which is then left out."""
    preview = await _refreshed(platform, tenant)
    slug, said = tenant.tenant.slug, tmp_path / "said"

    assert await run(["backup", "time", slug, "--kind", "preview"], platform.settings, said) == 0
    assert await run(["backup", "time", slug, "03:00", "--kind", "preview"], platform.settings, said) == 1

    text = said.read_text()
    assert f"{preview.primary_host} is not backed up each night" in text
    assert "copy.not_here: Previews are not backed up each night. (kind=preview)" in text


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
