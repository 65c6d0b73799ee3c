"""Connecting as one of our own logins, also while its password changes: those of all keys of the ring are tried in turn.

A new first key means new passwords, and `opscom migrate` sets them; before and after it processes with the old order of
the ring and with the new one are at work, and both must get in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import URL, event
from sqlalchemy.util.concurrency import await_, greenlet_spawn

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Connector:
    """Makes connections of psycopg's own, each in autocommit mode."""

    url: URL
    passwords: Sequence[str] = field(repr=False)

    def connect(self) -> psycopg.Connection:
        """A connection. Blocks. Raises psycopg.OperationalError."""
        return _let_in(self.passwords, lambda password: psycopg.connect(self._conninfo(password), autocommit=True))

    async def connect_async(self) -> psycopg.AsyncConnection:
        """A connection for asyncio. Raises psycopg.OperationalError."""

        def connect(password: str) -> psycopg.AsyncConnection:
            return await_(psycopg.AsyncConnection.connect(self._conninfo(password), autocommit=True))

        return await greenlet_spawn(_let_in, self.passwords, connect)

    def _conninfo(self, password: str) -> str:
        return self.url.set(drivername="postgresql", password=password).render_as_string(hide_password=False)


def try_passwords(engine: AsyncEngine, passwords: Sequence[str]) -> None:
    """Let the engine's pool connect with whichever of the passwords holds."""

    def connect(dialect: Any, _record: object, args: Sequence[Any], parameters: dict[str, Any]) -> Any:  # noqa: ANN401
        return _let_in(passwords, lambda password: dialect.connect(*args, **parameters | {"password": password}))

    event.listen(engine.sync_engine, "do_connect", connect)


def _let_in(passwords: Sequence[str], connect: Callable[[str], T]) -> T:
    """What ``connect`` makes of the first password that is not refused. Raises what the first of them met."""
    met: list[psycopg.OperationalError] = []
    for password in passwords:
        try:
            return connect(password)
        except psycopg.OperationalError as error:
            met.append(error)
            if not asked_for_password(error):
                break
    raise met[0]


def asked_for_password(error: psycopg.OperationalError) -> bool:
    """Whether the server may have refused the password: libpq tells no code. Of several hosts it does not even tell that."""
    return error.pgconn is None or error.pgconn.used_password
