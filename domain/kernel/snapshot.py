"""Snapshot: the reads of one operation, in one read-only transaction with one view of the data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar, TypeVarTuple

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import TypedReturnsRows

from domain.kernel.actor import Actor
from domain.kernel.features import Features
from domain.kernel.fixed import FixedStatement
from domain.kernel.places import Places

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Reading(Protocol):
    """An open read-only transaction (``tenants.reading.Reading``)."""

    @property
    def session(self) -> AsyncSession:
        """The ORM in it."""
        ...

    async def rows(self, statement: FixedStatement, parameters: Mapping[str, object] | None) -> Sequence[Any]:
        """All rows of a fixed statement."""
        ...

    async def end(self) -> None:
        """Commit it."""
        ...


class Snapshot:
    """Reads as one actor at one point in time.

    The transaction is opened at the first read and closed by ``end``, for good. Sibling resolvers run at once and one
    connection can serve only one of them at a time, so a lock is held for each execute-and-fetch.
    """

    def __init__(
        self,
        open_reading: Callable[[], Awaitable[Reading]],
        actor: Actor,
        now: datetime,
        places: Places,
        features: Features = frozenset(),
    ) -> None:
        """Open nothing yet. ``places`` and ``features`` are those of the environment."""
        self.actor = actor
        self.now = now
        self.features = features
        self._places = places
        self._open_reading = open_reading
        self._reading: Reading | None = None
        self._known: dict[Hashable, Sequence[Any]] = {}
        self._has_ended = False
        self._lock = asyncio.Lock()

    async def scalars(self, statement: Select[T]) -> list[T]:
        """All values of a one-column statement."""
        async with self._lock:
            return list((await (await self._open()).session.scalars(statement)).all())

    async def scalar(self, statement: Select[T]) -> T | None:
        """The one value of a statement, or None. Raises MultipleResultsFound if there are more."""
        async with self._lock:
            return (await (await self._open()).session.scalars(statement)).one_or_none()

    async def rows(
        self, statement: TypedReturnsRows[*Ts], parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*Ts]]:
        """All rows of a statement. ``parameters`` fill its named ones: a statement built once keeps its cache key."""
        async with self._lock:
            return (await (await self._open()).session.execute(statement, parameters)).all()

    async def tuples(self, statement: FixedStatement, parameters: Mapping[str, object] | None = None) -> Sequence[Any]:
        """All rows of a fixed statement, as the driver gives them. ``parameters`` are all that it leaves open.

        The transaction has one view of the data, so what was read once is not read again.
        """
        key = (statement, *(parameters or {}).items())
        async with self._lock:
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = await (await self._open()).rows(statement, parameters)
            return known

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Close the transaction with a commit (psycopg forgets its prepared statements at a rollback)."""
        async with self._lock:
            opened, self._reading, self._has_ended = self._reading, None, True
            self._known.clear()
            if opened is None:
                return
            try:
                await opened.end()
            finally:
                self._places.give_back()

    async def _open(self) -> Reading:
        """The transaction. A read after the end would open one that nobody closes: it keeps its connection for ever."""
        if self._has_ended:
            msg = "the reads of this operation have ended"
            raise RuntimeError(msg)
        if self._reading is None:
            await self._places.take()
            try:
                self._reading = await self._open_reading()
            except BaseException:
                self._places.give_back()
                raise
        return self._reading
