"""What belongs to the project: its packages and its files."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("opscom", "gateway", "schema", "jobs", "auth", "tenants", "domain")
PACKAGES = (*PRODUCT, "tests", "bench")
NOT_OURS = {".venv", ".cache", ".git", ".opscom", "node_modules", "__pycache__"}


def python_files(*packages: str) -> Iterator[Path]:
    """Yield each Python file of the packages, as a path from the root."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not NOT_OURS.intersection(path.parts):
                yield path.relative_to(ROOT)


def files_named(pattern: str) -> list[Path]:
    """Return the files of the project whose name fits the pattern, without what tools installed."""
    return sorted(
        path.relative_to(ROOT)
        for path in ROOT.rglob(pattern)
        if not NOT_OURS.intersection(path.relative_to(ROOT).parts)
    )
