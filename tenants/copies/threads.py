"""Blocking work of the copy engine: a few threads, each with a connection of its own, that stop together."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

T = TypeVar("T")
R = TypeVar("R")

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]
"""Opens a connection that is ready for the work: its role, snapshot and time-outs are set."""

WORKERS = 2
CANCEL_S = 5.0


class CopyStopped(Exception):
    """Another part of the same copy failed, or its process is to stop."""


@dataclass(slots=True)
class Progress:
    """How far a copy came, written by threads and read by the event loop; ``halt`` ends what they do at once."""

    rows: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    _working: set[psycopg.Connection] = field(default_factory=set)

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self.rows += rows

    def check(self) -> None:
        """Between two pieces: raise CopyStopped if the copy is to stop."""
        if self.stop.is_set():
            raise CopyStopped

    def halt(self) -> None:
        """Stop: between two pieces, and in the middle of a statement that waits for a lock or makes an index."""
        self.stop.set()
        for connection in list(self._working):
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=CANCEL_S)

    @contextmanager
    def watching(self, connection: psycopg.Connection) -> Iterator[None]:
        """While a thread works on a connection. A statement that ``halt`` cancelled is CopyStopped."""
        self._working.add(connection)
        try:
            yield
        except psycopg.errors.QueryCanceled as error:
            if self.stop.is_set():
                raise CopyStopped from error
            raise
        finally:
            self._working.discard(connection)


async def each(
    connect: Connect,
    items: Sequence[T],
    work: Callable[[psycopg.Connection, T], R],
    progress: Progress,
    *,
    workers: int = WORKERS,
) -> list[R]:
    """Do the work for every item, in order of the items, in a few threads. The first error stops all and is raised."""
    waiting = deque(enumerate(items))
    done: dict[int, R] = {}

    def run() -> None:
        with connect() as connection, progress.watching(connection):
            while True:
                progress.check()
                try:
                    place, item = waiting.popleft()
                except IndexError:
                    return
                done[place] = work(connection, item)

    await together([run] * min(workers, max(1, len(items))), progress)
    return [done[place] for place in range(len(items))]


async def together(runs: Sequence[Callable[[], None]], progress: Progress) -> None:
    """Run functions in threads. Whatever happens, all of them have ended when this returns."""

    def guarded(run: Callable[[], None]) -> BaseException | None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - given to the caller, after the others have stopped
            progress.halt()
            return error
        return None

    threads = [asyncio.ensure_future(asyncio.to_thread(guarded, run)) for run in runs]
    try:
        await asyncio.shield(asyncio.gather(*threads))
    except asyncio.CancelledError:
        await asyncio.to_thread(progress.halt)
        await asyncio.wait(threads)
        raise
    errors = [error for thread in threads if (error := thread.result()) is not None]
    first = next((error for error in errors if not isinstance(error, CopyStopped)), None)
    if first is not None or errors:
        raise first or errors[0]
