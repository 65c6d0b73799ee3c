"""The repository's root is the one place our packages come from (docs/decisions/0001-never-installed.md)."""

import tomllib
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, PRODUCT, ROOT


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_ours_and_no_distribution_owns_its_name(name: str) -> None:
    found = import_module(name).__file__

    assert found is not None, f"{name} has no __init__.py"
    assert Path(found).is_relative_to(ROOT)
    assert not Path(found).is_relative_to(ROOT / ".venv")
    assert name not in packages_distributions()


def test_nobody_can_build_or_install_the_application_by_accident() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert "build-system" not in project
    assert project["tool"]["uv"]["managed"] is False
    assert not (ROOT / "uv.lock").exists()


def test_the_image_has_each_package_of_the_product() -> None:
    image = (ROOT / "Dockerfile").read_text()
    let_in = (ROOT / ".dockerignore").read_text().splitlines()

    assert [name for name in PRODUCT if f"COPY {name} {name}\n" not in image] == []
    assert [name for name in PRODUCT if f"!{name}" not in let_in] == []
