"""refreshing: a preview of a tenant with a million rows, beside pg_dump and pg_restore of the same rows in a database alone."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.fleet import fleet
from bench.tenancy.rows import carry_over, count, fill
from bench.tenancy.volume import database
from opscom.embedded.postgres import program
from tenants.backups.actions import back_up
from tenants.copies.carrying import Carrier
from tenants.environments import Environment
from tenants.migrate import replay
from tenants.migrations.plan import Tree, after
from tenants.previews.actions import Who, refresh
from tenants.registry.actions import NewTenant

ROWS = 1_000_000
OTHERS = 300
ROUNDS = 3
JOBS = 2
MEGA = 1e6


@dataclass(frozen=True, slots=True)
class _Times:
    """The seconds of each round."""

    taken: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)

    @property
    def both(self) -> float:
        """Both halves together, as the median of all rounds."""
        return statistics.median(a + b for a, b in zip(self.taken, self.back, strict=True))


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Rounds of both in turn: a backup and the refresh from it; a dump and its restore."""
    await fleet(lab, sized(OTHERS))
    large = await lab.platform.provisioner.create_tenant(NewTenant("large", "A Large Tenant"), actor="bench")
    rows = fill(lab, large, sized(ROWS))
    alone = _Alone(lab, large.schema, rows)
    alone.make()
    ours, theirs = _Times(), _Times()
    for _ in range(ROUNDS):
        await _round(lab, large, ours)
        alone.round(theirs)
    yield Row(
        f"taking: backup of {rows:,} rows beside {len(lab.tenants):,} tenants", statistics.median(ours.taken), "s"
    )
    yield Row("taking: pg_dump -Fd -j2 of the same rows alone", statistics.median(theirs.taken), "s")
    yield Row("bringing back: refresh, sanitised and verified", statistics.median(ours.back), "s")
    yield Row("bringing back: pg_restore -j2", statistics.median(theirs.back), "s")
    yield Row("backup + refresh / pg_dump + pg_restore", ours.both / theirs.both, at_most=1.0)
    yield Row("the same, if pg_dump compresses as little as it can", ours.both / alone.hurried())
    yield Row("size of the backup", _size(lab.folder / "backups") / ROUNDS / MEGA, "MB")
    yield Row("size of the dump", alone.size / MEGA, "MB")


async def _round(lab: Lab, large: Environment, times: _Times) -> None:
    platform = lab.platform
    began = time.perf_counter()
    backup_id = await back_up(platform.copier, large, reason="bench", actor="bench")
    times.taken.append(time.perf_counter() - began)
    began = time.perf_counter()
    copy_id = await refresh(platform.databases, large.tenant.id, backup_id, Who("bench", is_platform=True))
    await Carrier(platform.copier, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()
    times.back.append(time.perf_counter() - began)


class _Alone:
    """The same rows in a database that has nothing else, and PostgreSQL's own tools."""

    def __init__(self, lab: Lab, schema: str, rows: int) -> None:
        self._lab = lab
        self._schema = schema
        self._rows = rows
        self._folder = lab.folder / "dump"
        self.size = 0

    def make(self) -> None:
        """Make the database and copy the rows into it."""
        self._run("create database alone")
        with psycopg.connect(self._url("alone")) as connection:
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(self._schema)))
            connection.execute(replay(self._schema, after(Tree.ENVIRONMENT, "")).encode())
        carry_over(database(self._lab), self._url("alone"), self._schema)

    def round(self, times: _Times, *more: str) -> None:
        """Dump and restore once."""
        shutil.rmtree(self._folder, ignore_errors=True)
        times.taken.append(
            _timed(lambda: self._tool("pg_dump", "-Fd", "-f", str(self._folder), *more, self._url("alone")))
        )
        self.size = _size(self._folder)
        self._run("create database restored template template0")
        try:
            times.back.append(_timed(lambda: self._tool("pg_restore", "-d", self._url("restored"), str(self._folder))))
            if (found := count(self._url("restored"), self._schema)) != self._rows:
                msg = f"pg_restore brought {found} rows back, not {self._rows}"
                raise RuntimeError(msg)
        finally:
            self._run("drop database restored")

    def hurried(self) -> float:
        """The seconds of a dump with the quickest compression that these programs have, and of its restore."""
        times, size = _Times(), self.size
        self.round(times, "-Z", "gzip:1")
        self.size = size
        return times.both

    def _tool(self, name: str, *words: str) -> None:
        done = subprocess.run(
            [program(name), "-j", str(JOBS), *words], capture_output=True, text=True, check=False, env=os.environ
        )
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._lab.postgres.superuser_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _url(self, name: str) -> str:
        return make_url(self._lab.postgres.superuser_url).set(database=name).render_as_string()


def _timed(doing: Callable[[], None]) -> float:
    began = time.perf_counter()
    doing()
    return time.perf_counter() - began


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
