"""Locks carry versions and hashes and no address: where packages come from is the machine's business."""

import json
import re

import pytest

from tests.architecture.sources import ROOT, files_named

PYTHON_LOCKS = [path for path in files_named("*.lock") if path.name != "uv.lock"]
NPM_LOCKS = files_named("package-lock.json")
PACKAGE = re.compile(r"^[A-Za-z0-9._-]+(\[[^]]*\])?==[^ ;]+", re.MULTILINE)


@pytest.mark.parametrize("path", PYTHON_LOCKS, ids=str)
def test_a_python_lock_has_a_hash_for_every_package_and_no_address(path: str) -> None:
    text = (ROOT / path).read_text()
    packages = PACKAGE.split(text)[2::2]

    assert packages
    assert all("--hash=sha256:" in block for block in packages)
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


def test_npm_locks_name_no_registry() -> None:
    for path in NPM_LOCKS:
        packages = json.loads((ROOT / path).read_text())["packages"]

        assert [name for name, entry in packages.items() if "resolved" in entry] == []
        assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_npm_is_told_to_leave_addresses_out() -> None:
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().splitlines()
    for path in NPM_LOCKS:  # npm reads only the .npmrc beside the package
        assert "omit-lockfile-registry-resolved=true" in (ROOT / path).with_name(".npmrc").read_text().splitlines()
