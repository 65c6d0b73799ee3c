"""Child processes that end when we end, however we end. What they run is not known here."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
LOG_LINES_SHOWN = 15


class EmbeddedServerError(RuntimeError):
    """An embedded server can not be started; the message says why and what to do."""


def start_child(
    command: Sequence[str],
    *,
    output: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` so that it gets `death_signal` when this process ends, also by `kill -9` (on Linux).

    The child has no input and a process group of its own: Ctrl-C reaches only us, and we stop our children in order.
    `output` takes both of its streams; without one it writes where we write.
    Raises RuntimeError outside the main thread: the kernel ties the signal to the thread that forked.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "children are started from the main thread only: they would end with the thread"
        raise RuntimeError(message)
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=env,
        cwd=cwd,
        process_group=0,
        preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - two system calls, bound before the fork
    )


def stop_child(child: subprocess.Popen[bytes], *signals: signal.Signals, patience: float = 20.0) -> int:
    """Send each signal in turn, SIGKILL at last, until the child ends; return its exit code.

    `patience` is the time in seconds given to each signal.
    """
    for number in (*signals, signal.SIGKILL):
        if child.poll() is None:
            child.send_signal(number)
        try:
            return child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    return child.wait()


def kill_family(child: subprocess.Popen[bytes]) -> None:
    """End a child and its own children at once, as a power cut would."""
    listed = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    grandchildren = [int(word) for word in listed.read_text().split()] if listed.exists() else []
    for pid in (child.pid, *grandchildren):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    child.wait()


def wait_until(ready: Callable[[], bool], child: subprocess.Popen[bytes], *, log: Path, patience: float = 60.0) -> None:
    """Return when `ready` says so; raise EmbeddedServerError with the end of the log if the child ends or is silent."""
    deadline = time.monotonic() + patience
    while not ready():
        if child.poll() is not None:
            message = f"the server ended at once (exit code {child.returncode}):\n{_end_of(log)}"
            raise EmbeddedServerError(message)
        if time.monotonic() > deadline:
            stop_child(child)
            message = f"the server did not answer within {patience:.0f} s:\n{_end_of(log)}"
            raise EmbeddedServerError(message)
        time.sleep(0.02)


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """Make the function that runs in the child between fork and exec."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the line above: no signal would ever come
            os._exit(1)

    return bind


def _end_of(log: Path) -> str:
    """Return the last lines of a log, or nothing when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
