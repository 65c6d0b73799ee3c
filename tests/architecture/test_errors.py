"""Every error a client can meet has a code of its own and a line in docs/errors.md that says what to do."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from domain.kernel.errors import ParkingError

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "tenants", "auth", "jobs", "schema", "gateway")
ROW = re.compile(r"^\| `([A-Za-z_0-9.]+)` \| .+ \| .+ \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def leaves() -> set[type[ParkingError]]:
    """All error classes of the code base."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("errors.py")):
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in sorted((ROOT / package).rglob("*.py")):
            if re.search(
                r"^class \w+\((\w*Error|NotFound|Conflict|Denied|Invalid|Unavailable)\)", path.read_text(), re.MULTILINE
            ):
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return {leaf for leaf in _below(ParkingError) if leaf.__module__.partition(".")[0] in PACKAGES}


def test_codes_are_not_shared(leaves: set[type[ParkingError]]) -> None:
    own = Counter(leaf.code for leaf in leaves if "code" in leaf.__dict__)

    assert [code for code, number in own.items() if number > 1] == []


def test_every_error_class_has_a_code_of_its_own(leaves: set[type[ParkingError]]) -> None:
    assert sorted(leaf.__qualname__ for leaf in leaves if "code" not in leaf.__dict__) == []


def test_every_code_is_explained_and_every_explained_code_exists(leaves: set[type[ParkingError]]) -> None:
    explained = ROW.findall((ROOT / "docs/errors.md").read_text())
    codes = {leaf.code for leaf in leaves}
    of_transports = {code for code in explained if code.isupper()} - codes

    assert sorted(set(explained) - of_transports) == sorted(codes)
    assert sorted(explained) == sorted(set(explained)), "a code is explained once"


def _below(error: type[ParkingError]) -> set[type[ParkingError]]:
    found = set(error.__subclasses__())
    return found.union(*(_below(child) for child in found)) if found else found
