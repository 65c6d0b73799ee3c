"""`opscom migrate` of a newer release over two databases, of which one is away."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tenants.migrations.plan import Tree, head
from tenants.registry.actions import NewTenant
from tests.fixtures.cells import Split
from tests.tenants.release import Release
from tests.tenants.test_cells import _refreshed

HEAD, NEWEST = head(Tree.ENVIRONMENT), "9001"


async def test_a_cell_that_is_away_is_named_all_others_come_to_head_and_repeated_it_finishes(
    split: Split, tmp_path: Path
) -> None:
    """It ended the command before anybody else was migrated; its preview would have been the canary, too."""
    here = await split.platform.provisioner.create_tenant(NewTenant("here", "Here"), actor="tests")
    there = await _refreshed(split.platform, here)
    release = Release.made(tmp_path, split.platform.settings)
    release.add(NEWEST, "ALTER TABLE audit_entry ADD COLUMN place text")

    with _away(split):
        failed = await _migrate(release)
    repeated = await _migrate(release)

    assert (here.cell, there.cell) == ("main", split.second)
    assert failed.returncode == 1
    assert f"cell {split.second}: left alone: " in failed.stdout, failed.stderr
    assert f"{here.schema}: {HEAD} -> {NEWEST}\n" in failed.stdout
    assert there.schema not in failed.stdout
    assert f"migrations.cells_failed: These cells could not be brought to head: {split.second}." in failed.stderr
    assert repeated.returncode == 0, repeated.stderr
    assert f"{there.schema}: {HEAD} -> {NEWEST}\n" in repeated.stdout
    assert here.schema not in repeated.stdout


async def _migrate(release: Release) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(release.run, "migrate")


@contextmanager
def _away(split: Split) -> Iterator[None]:
    """Meanwhile nobody gets into the second cell's database."""
    settings = split.platform.settings
    database = make_url(settings.cell_urls[split.second].get_secret_value()).database or ""
    change = sql.SQL("alter database {} allow_connections {}")
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as provisioner:
        provisioner.execute(change.format(sql.Identifier(database), sql.SQL("false")))
        try:
            yield
        finally:
            provisioner.execute(change.format(sql.Identifier(database), sql.SQL("true")))
