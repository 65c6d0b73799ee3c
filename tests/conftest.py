"""Loads the fixtures; they live in tests/fixtures, one file a concern, and each file there is found by itself."""

from pathlib import Path

pytest_plugins = sorted(f"tests.fixtures.{path.stem}" for path in Path(__file__).parent.glob("fixtures/[!_]*.py"))
