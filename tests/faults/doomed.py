"""The command ``opscom`` as a real process that kills itself at a chosen point (see ``guillotine``).

The processes are forked from one that has loaded everything, since there are many of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tenants.settings import Settings
from tests.faults.guillotine import Guillotine

LOADED = ["tests.faults.doomed", "opscom.cli.app", "opscom.platform", "opscom.accounts", "jobs.worker", "uvloop"]
LOADED += ["tenants.fleet", "tenants.moves.moving", "tenants.lifecycle.deleting", "tenants.backups.actions"]
PATIENCE_S = 60.0

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(LOADED)


async def run(words: list[str], settings: Settings, output: Path, *, blade: int = 0) -> int:
    """Run a command to its end. Returns its exit code; -9 if it died at the point."""
    process = _started(words, settings, output, blade)
    await asyncio.to_thread(process.join, PATIENCE_S)
    assert process.exitcode is not None, f"it goes on and on; {output} has what it said"
    return process.exitcode


@asynccontextmanager
async def running(
    words: list[str], settings: Settings, output: Path, *, blade: int = 0
) -> AsyncIterator[ForkServerProcess]:
    """A command that goes on until it dies at the point, or the test has seen enough."""
    process = _started(words, settings, output, blade)
    try:
        yield process
    finally:
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
        await asyncio.to_thread(process.join, PATIENCE_S)


def _started(words: list[str], settings: Settings, output: Path, blade: int) -> ForkServerProcess:
    process = _FORKS.Process(target=_live_and_die, args=(words, told(settings), str(output), blade))
    process.start()
    return process


def _live_and_die(words: list[str], environ: dict[str, str], output: str, blade: int) -> None:
    """What the process does."""
    os.environ.update(environ)
    with Path(output).open("ab", buffering=0) as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    Guillotine(blade).install()
    sys.argv = ["opscom", *words]
    from opscom.cli.app import main  # noqa: PLC0415 - loaded by the process this one was forked from

    main()


def told(settings: Settings) -> dict[str, str]:
    """The settings as a process of its own is told them."""
    return {
        "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
        "OPSCOM_CELL_URLS": json.dumps({name: url.get_secret_value() for name, url in settings.cell_urls.items()}),
        "OPSCOM_REDIS_URL": settings.redis_url,
        "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "OPSCOM_NAMESPACE": settings.namespace,
        "OPSCOM_BACKUP_STORAGE": settings.backup_storage,
        "OPSCOM_LEASE_S": str(settings.lease_s),
        "OPSCOM_GRACE_S": str(settings.grace_s),
        "OPSCOM_PORT": str(settings.port),
        "OPSCOM_INTERNAL_PORT": str(settings.internal_port),
    }
