"""The registry's map on disk: the same map again or none, and nothing secret in it."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.registry import kept
from tenants.registry.kept import MapFile
from tests.architecture.sources import ROOT


@pytest.fixture
def file(tmp_path: Path) -> MapFile:
    """A file that is not there yet."""
    return MapFile(tmp_path / "map")


def test_what_was_kept_is_the_map_again(file: MapFile, platform: Platform, tenant: Environment) -> None:
    known = platform.registry.current

    file.write(known)

    assert file.read() == known
    assert known.by_id[tenant.id] == tenant


def test_another_process_of_the_same_release_reads_it() -> None:
    """Once the order of a set was part of the format, which no two processes have in common."""
    code = "from tenants.registry import kept; print(kept._FORMAT)"
    found = {
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    }

    assert found == {f"{kept._FORMAT}\n"}  # noqa: SLF001 - what the first line of a file says


def test_only_its_owner_reads_it_and_no_key_lies_there_in_the_open(
    file: MapFile, platform: Platform, tenant: Environment
) -> None:
    file.write(platform.registry.current)

    content = file.path.read_bytes()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["map"]
    assert tenant.primary_host.encode() in content
    for secret in (platform.settings.secret_keys, platform.settings.database_url):
        assert secret.get_secret_value().rpartition(":")[2].encode() not in content
    password = platform.key_ring.login_password(f"{platform.databases.database_name('')}_app")
    assert password.encode() not in content


def test_a_damaged_file_is_ignored(file: MapFile, platform: Platform, tenant: Environment) -> None:
    file.write(platform.registry.current)
    whole = file.path.read_bytes()
    host = tenant.primary_host.encode()

    for damaged in (b"", whole[:-1], whole.replace(host, host[::-1]), b"\0" * len(whole)):
        file.path.write_bytes(damaged)
        assert file.read() is None


def test_a_file_of_another_release_is_ignored(
    file: MapFile, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a map consists of is part of the first line."""
    file.write(platform.registry.current)

    monkeypatch.setattr(kept, "_FORMAT", "0123456789abcdef")

    assert file.read() is None


def test_a_disk_that_takes_nothing_keeps_the_file_of_before(
    file: MapFile, platform: Platform, tenant: Environment
) -> None:
    lost = MapFile(file.path / "no folder" / "map")

    lost.write(platform.registry.current)

    assert tenant.primary_host
    assert lost.read() is None
