"""migrating: 1,000 tenants brought forward by one revision with `opscom migrate`, beside the bare DDL; killed and resumed."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.fleet import fleet
from bench.tenancy.volume import database
from opscom.embedded.child import start_child
from tenants.fleet import AT_ONCE
from tenants.migrate import replay
from tenants.migrations.plan import Revision, Tree, head

TENANTS = 1_000
KILLED_AT = 0.4
"""The share of environments after which the command is killed."""
PATIENCE_S = 300.0
STEP_S = 0.02
ROOT = Path(__file__).parents[2]

DDL = """
    alter table permit add column bench_{name} text;
    create index permit_bench_{name}_ix on permit (bench_{name});
    insert into audit_entry (id, at, actor_kind, actor_name, action, facts)
    values (gen_random_uuid(), now(), 'system', 'bench', '{name}', '{{}}');
"""
REVISION = '''"""Another column, and how often it was made."""

from alembic import op

revision = "{name}"
down_revision = "{after}"


def upgrade() -> None:
    op.execute("""{ddl}""")
'''
_RATE = """
    select count(*) - 1, extract(epoch from max(migrated_at) - min(migrated_at))::float8
    from registry.environment where head = %s
"""
_DONE = "select count(*) from registry.environment where head = %s"


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """The bare DDL before and after the real command, in as many connections; then one that is killed in the middle."""
    schemas = [environment.schema for environment in await fleet(lab, sized(TENANTS))]
    with _newer_release(lab) as release:
        bare = [_bare(lab, schemas, "bare_1", head(Tree.ENVIRONMENT))]
        first, whole = _migrated(lab, release, "9001")
        bare.append(_bare(lab, schemas, "bare_2", "9001"))
        alone = statistics.mean(bare)
        yield Row(f"migrating {len(schemas):,} environments by one revision", first, "a second")
        yield Row(f"the same DDL bare, {AT_ONCE} connections", alone, "a second")
        yield Row("migrating / bare DDL", first / alone, at_least=0.6)
        yield Row("the whole command, from its start to the last furniture", whole, "s")
        yield Row(
            "killed with -9 after so many environments", _killed(lab, release, "9002", len(schemas)), "environments"
        )
        _migrated(lab, release, "9002")
        times = _times_applied(lab, schemas, "9002")
        yield Row("repeated: environments it was applied to twice", sum(number > 1 for number in times), "", at_most=0)
        yield Row("repeated: environments it was not applied to", times.count(0), "", at_most=0)


@contextmanager
def _newer_release(lab: Lab) -> Iterator[Path]:
    """A folder with this product, whose revisions more can be added to."""
    release = lab.folder / "release"
    release.mkdir()
    for package in ("opscom", "gateway", "schema", "jobs", "auth", "domain"):
        (release / package).symlink_to(ROOT / package)
    shutil.copytree(ROOT / "tenants", release / "tenants", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        yield release
    finally:
        shutil.rmtree(release)


def _add_revision(release: Path, name: str) -> None:
    """The next revision, after the newest one."""
    versions = release / "tenants" / "migrations" / Tree.ENVIRONMENT / "versions"
    path = versions / f"{name}_bench.py"
    if not path.exists():
        newest = max(path.name.partition("_")[0] for path in versions.glob("*.py"))
        path.write_text(REVISION.format(name=name, after=newest, ddl=DDL.format(name=name)))


def _command(lab: Lab, release: Path, name: str) -> subprocess.Popen[bytes]:
    _add_revision(release, name)
    with (lab.folder / "migrate.log").open("ab") as log:
        return start_child(
            [sys.executable, "-m", "opscom", "migrate"],
            output=log,
            env=os.environ | lab.variables | {"PYTHONPATH": str(release)},
            cwd=release,
        )


def _migrated(lab: Lab, release: Path, name: str) -> tuple[float, float]:
    """Run the command to its end. Returns environments a second, by the times in the registry, and its seconds."""
    began = time.perf_counter()
    child = _command(lab, release, name)
    if child.wait(PATIENCE_S):
        raise RuntimeError((lab.folder / "migrate.log").read_text()[-2000:])
    took = time.perf_counter() - began
    with psycopg.connect(database(lab)) as connection:
        number, seconds = connection.execute(_RATE, [name]).fetchall()[0]
    return number / seconds, took


def _killed(lab: Lab, release: Path, name: str, environments: int) -> int:
    """Kill the command in the middle. Returns how many environments it had brought to head."""
    child = _command(lab, release, name)
    with psycopg.connect(database(lab), autocommit=True) as connection:
        while child.poll() is None and _done(connection, name) < environments * KILLED_AT:
            time.sleep(STEP_S)
        child.send_signal(signal.SIGKILL)
        child.wait()
        return _done(connection, name)


def _done(connection: psycopg.Connection, name: str) -> int:
    return int(connection.execute(_DONE, [name]).fetchall()[0][0])


def _bare(lab: Lab, schemas: Sequence[str], name: str, at: str) -> float:
    """Schemas a second that stay at a head: the message that the product sends too, as many connections, nothing else."""
    revision = Revision(at, DDL.format(name=name))
    owner = f"{lab.platform.databases.database_name('')}_owner"
    become = sql.SQL("begin; set local role {};").format(sql.Identifier(owner)).as_string(None)

    def run(some: Sequence[str]) -> None:
        with lab.platform.databases.owner_connector("").connect() as connection:
            for schema in some:
                connection.execute(f"{become} {replay(schema, [revision])} commit".encode())

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(run, [schemas[part::AT_ONCE] for part in range(AT_ONCE)]))
    return len(schemas) / (time.perf_counter() - began)


def _times_applied(lab: Lab, schemas: Sequence[str], name: str) -> list[int]:
    """How often each schema says that the revision was applied to it."""
    counted = "select count(*) from {} where action = %s"
    with psycopg.connect(database(lab)) as connection:
        return [
            int(
                connection.execute(sql.SQL(counted).format(sql.Identifier(schema, "audit_entry")), [name]).fetchall()[
                    0
                ][0]
            )
            for schema in schemas
        ]
