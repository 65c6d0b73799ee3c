"""On CI nothing is skipped: a skip that a laptop may have fails there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

SKIPS = """
import pytest

def test_lacks_a_program():
    pytest.skip("no such program here")

@pytest.mark.xfail(reason="a known fault", strict=True)
def test_a_known_fault():
    assert False
"""
SKIPS_WHOLE = 'import pytest\n\npytest.skip("no such program here", allow_module_level=True)\n'


@pytest.mark.parametrize(("text", "outcome"), [(SKIPS, "1 failed, 1 xfailed"), (SKIPS_WHOLE, "1 error")])
def test_a_skip_fails_on_ci(tmp_path: Path, text: str, outcome: str) -> None:
    assert outcome in _run(tmp_path, text, ci="true")


@pytest.mark.parametrize(("text", "outcome"), [(SKIPS, "1 skipped, 1 xfailed"), (SKIPS_WHOLE, "1 skipped")])
def test_a_skip_is_a_skip_elsewhere(tmp_path: Path, text: str, outcome: str) -> None:
    assert outcome in _run(tmp_path, text, ci="")


def _run(folder: Path, text: str, *, ci: str) -> str:
    (folder / "test_planted.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.fixtures.ci", "-p", "no:cacheprovider", "-c", "/dev/null", "."],
        cwd=folder,
        env=os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout
