"""Who imports whom: the contracts of pyproject.toml hold, and each of them finds what it is there to find."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT, ROOT

LINTER = Path(sys.executable).with_name("lint-imports")
DOWN = "Down only"
JOBS_SEEN = "Only the composition roots see jobs"
JOBS_UP = "Jobs know neither the API nor the edge"
KERNEL = "The kernel knows no noun"
CIRCLE = "Nouns form no circle"
FRAMEWORK = "The domain knows no framework"
APART = "The three APIs are apart"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product in which a test may do wrong."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PRODUCT:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_is_kept() -> None:
    broken, output = _broken_contracts(ROOT)

    assert not broken, output


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("domain/lots/planted.py", "import tenants", {DOWN}),
        ("auth/planted.py", "import gateway", {DOWN}),
        ("schema/planted.py", "import jobs", {DOWN, JOBS_SEEN}),
        ("gateway/planted.py", "import jobs", {DOWN, JOBS_SEEN}),
        ("jobs/planted.py", "import schema", {JOBS_UP}),
        ("domain/kernel/planted.py", "import domain.lots.models", {KERNEL, CIRCLE}),
        ("domain/lots/planted.py", "import redis", {FRAMEWORK}),
        ("schema/portal/planted.py", "import schema.admin", {APART}),
    ],
)
def test_a_wrong_import_breaks_its_contract(copy: Path, path: str, line: str, expected: set[str]) -> None:
    planted = copy / path
    planted.write_text(f"{line}\n")
    try:
        broken, output = _broken_contracts(copy)
    finally:
        planted.unlink()

    assert broken == expected, output


def _broken_contracts(folder: Path) -> tuple[set[str], str]:
    done = subprocess.run(
        [str(LINTER), "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    broken = set(re.findall(r"^(.+?) BROKEN", done.stdout, re.MULTILINE))
    assert broken or done.returncode == 0, done.stdout + done.stderr
    return broken, done.stdout
