"""Kills its own process just after the n-th thing it made last: every place where a power cut could come in between.

What lasts is what PostgreSQL committed. So the driver is watched (never our own code): a transaction that wrote, or a
statement outside one, is a *point* once the server has said that it is done. Of a row of points that differ in names only
(the tables of a schema that is dropped) one counts. Claims and leases of runs do not: they have tests of their own.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

WRITES = re.compile(
    r"\b(insert into|(?<!for )update \w+|delete from|truncate|create|drop|alter|grant|revoke|setval)\b", re.IGNORECASE
)
OF_THE_LEDGER = re.compile(r"lease_until|\bfence\b|sent_at")
ROWS, KEYS, FURNITURE = "rows so far", "keys and indexes", "furniture"
ALIKE = {ROWS, KEYS, FURNITURE, "drop", "truncate"}
SHAPE = re.compile(r"(create|alter|drop|truncate)\b", re.IGNORECASE)
NAMES = re.compile(r"\"[^\"]*\"|'[^']*'|\bs_\d+\b|%\(\w+\)s(::\w+)?")


@dataclass
class Guillotine:
    """``blade`` is the point after which the process dies; 0: never. ``points`` are those it came to."""

    blade: int
    points: list[str] = field(default_factory=list)
    _pending: dict[int, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self) -> None:
        """Watch all connections of this process from now on."""
        for cursor in (psycopg.AsyncCursor, psycopg.Cursor):
            self._watch_cursor(cursor)
        self._watch_commands()

    def _watch_cursor(self, cursor: Any) -> None:  # noqa: ANN401 - either class
        execute, is_async, note, settle = cursor.execute, cursor is psycopg.AsyncCursor, self._note, self._settle

        async def execute_async(this: Any, query: Any, *rest: Any, **how: Any) -> Any:  # noqa: ANN401
            note(this.connection, query)
            result = await execute(this, query, *rest, **how)
            settle(this.connection)
            return result

        def execute_here(this: Any, query: Any, *rest: Any, **how: Any) -> Any:  # noqa: ANN401
            note(this.connection, query)
            result = execute(this, query, *rest, **how)
            settle(this.connection)
            return result

        cursor.execute = execute_async if is_async else execute_here

    def _watch_commands(self) -> None:
        """COMMIT goes another way than statements do."""
        connection: Any = psycopg.Connection.__mro__[1]
        command, settle = connection._exec_command, self._settle  # noqa: SLF001 - the driver has no hook for it

        def exec_command(this: Any, *rest: Any, **how: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401
            result = yield from command(this, *rest, **how)
            settle(this)
            return result

        connection._exec_command = exec_command  # noqa: SLF001

    def _note(self, connection: Any, query: Any) -> None:  # noqa: ANN401
        text = query.as_string(None) if isinstance(query, sql.Composable) else query
        text = text.decode() if isinstance(text, bytes) else text
        if WRITES.search(text) and not OF_THE_LEDGER.search(text):
            self._pending[id(connection)] = _kind(text)

    def _settle(self, connection: Any) -> None:  # noqa: ANN401
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return
        with self._lock:
            point = self._pending.pop(id(connection), None)
            if point is None or (self.points and self.points[-1] == point and point in ALIKE):
                return
            self.points.append(point)
            os.write(2, f"point {len(self.points)}: {point}\n".encode())  # for who reads why a test failed
            if len(self.points) == self.blade:
                os.kill(os.getpid(), signal.SIGKILL)


def _kind(text: str) -> str:
    """What sort of thing a statement does. Two threads make keys and indexes: in which order is chance, and one thing."""
    words = " ".join(NAMES.sub("?", text).split())
    shaped = SHAPE.match(words)
    if shaped is None or words.startswith(("create schema", "create role", "drop role")):
        return ROWS if "rows_done" in words else FURNITURE if "task_schedule" in words else words[:100]
    return KEYS if shaped[0].lower() in {"create", "alter"} else shaped[0]
