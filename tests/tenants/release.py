"""A newer release of this product: a folder with the same code and further revisions, whose commands are real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenants.migrations.plan import Tree
from tenants.settings import Settings
from tests.architecture.sources import ROOT
from tests.faults.doomed import told

PATIENCE_S = 120.0
PACKAGES = ("opscom", "gateway", "schema", "jobs", "auth", "domain")
REVISION = '''"""{name}."""

from alembic import op

revision = "{name}"
down_revision = "{after}"


def upgrade() -> None:
    """Add."""
    op.execute("""{text}""")
'''


@dataclass(frozen=True)
class Release:
    """The folder, and the settings that its commands are given."""

    folder: Path
    settings: Settings

    @classmethod
    def made(cls, folder: Path, settings: Settings) -> Release:
        """A release without anything new yet."""
        for package in PACKAGES:
            (folder / package).symlink_to(ROOT / package)
        shutil.copytree(ROOT / "tenants", folder / "tenants", ignore=shutil.ignore_patterns("__pycache__"))
        return cls(folder, settings)

    def add(self, name: str, text: str, tree: Tree = Tree.ENVIRONMENT) -> None:
        """The next revision of a tree."""
        versions = self.folder / "tenants" / "migrations" / tree / "versions"
        newest = max(path.name.partition("_")[0] for path in versions.glob("*.py"))
        (versions / f"{name}_test.py").write_text(REVISION.format(name=name, after=newest, text=text))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command to its end. Blocks."""
        with self.running(*words) as process:
            said, complaints = process.communicate(timeout=PATIENCE_S)
            return subprocess.CompletedProcess(words, process.returncode, said, complaints)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command while it goes on; it is killed at the end."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSCOM_")}
        given = {"PYTHONPATH": str(self.folder), "COLUMNS": "200", "NO_COLOR": "1"} | told(self.settings)
        command = [sys.executable, "-m", "opscom", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.folder, env=kept | given, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()
