"""The lock file that PostgreSQL leaves in its data folder: whose it is, and when it may go."""

import os
import subprocess
import time
from pathlib import Path

from opscom.embedded.child import EmbeddedServerError


def release_stale_lock(data: Path, *, patience: float = 10.0) -> None:
    """Remove the lock of a server that is gone; wait `patience` seconds for one that is just going.

    PostgreSQL looks only whether any process has the number in the lock, and refuses to start when that number was given
    to another program since. Raises EmbeddedServerError when the server of the lock lives.
    """
    lock = data / "postmaster.pid"
    deadline = time.monotonic() + patience
    while (holder := _holder(lock)) is not None and _is_postgres_over(data, holder):
        if time.monotonic() > deadline:
            message = f"another PostgreSQL (process {holder}) already serves {data}: stop it first"
            raise EmbeddedServerError(message)
        time.sleep(0.05)
    if holder is not None and _is_alive(holder):
        lock.unlink(missing_ok=True)


def _holder(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postgres_over(data: Path, pid: int) -> bool:
    words = _command_of(pid)
    return "postgres" in words and str(data) in words


def _command_of(pid: int) -> str:
    """Return the command line of a process; empty for one that is gone or a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return shown.stdout
