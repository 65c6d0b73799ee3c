"""The demo's own processes: started, started again when they die, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from opscom.demo.places import ROOT, DemoError, Places
from opscom.embedded.child import start_child, stop_child

log = structlog.get_logger(__name__)

MOST_DEATHS = 3
WITHIN_S = 30.0
LINES_SHOWN = 15
PATIENCE_S = 3.0


@dataclass(slots=True)
class Child:
    """One process: a module of ours and its arguments."""

    name: str
    words: tuple[str, ...]
    deaths: list[float] = field(default_factory=list)
    running: subprocess.Popen[bytes] | None = None


@dataclass(slots=True)
class Family:
    """All own processes of the demo. They die with this one, however it ends."""

    places: Places
    environ: Mapping[str, str]
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, *words: str) -> None:
        """Start ``python -m`` with these words; its log is the folder's. From the main thread only."""
        child = Child(name, words)
        self.children.append(child)
        self._launch(child)

    def look_after(self) -> None:
        """Start again what died. Raises DemoError for one that dies again and again, with the end of its log."""
        for child in self.children:
            if child.running is None or child.running.poll() is None:
                continue
            now = time.monotonic()
            child.deaths = [*(moment for moment in child.deaths if now - moment < WITHIN_S), now]
            if len(child.deaths) >= MOST_DEATHS:
                raise DemoError(self._obituary(child))
            log.warning("started_again", process=child.name, exit_code=child.running.returncode)
            self._launch(child)

    def stop(self) -> None:
        """Stop all of them at once, and return when they are gone.

        Viewers and runs are let finish for a moment only: the second signal says that there is nobody to take them over.
        """
        running = [child.running for child in self.children if child.running is not None]
        self.children.clear()
        if running:
            with ThreadPoolExecutor(len(running)) as threads:
                list(threads.map(_stop, running))

    def _launch(self, child: Child) -> None:
        with self.places.log(child.name).open("ab") as output:
            child.running = start_child(
                [sys.executable, "-m", *child.words],
                output=output,
                env={**os.environ, **self.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                cwd=ROOT,
                death_signal=signal.SIGKILL,  # nothing acknowledged is lost by it, and nothing lingers
            )

    def _obituary(self, child: Child) -> str:
        file = self.places.log(child.name)
        lines = file.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
        return "\n".join((f"{child.name} ends again and again. The end of {file}:", *lines))


def _stop(process: subprocess.Popen[bytes]) -> int:
    return stop_child(process, signal.SIGTERM, signal.SIGINT, patience=PATIENCE_S)
