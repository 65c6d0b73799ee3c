"""The run ledgers of this deployment and a transaction on one of them, as the login that sees the rows of all environments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tenants.databases import REGISTRY

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from tenants.databases import Databases
    from tenants.registry.directory import Registry

# A process that is stopped in the middle of a transaction must not hold its row locks for ever.
_GUARDS = (
    "set local statement_timeout = '15s'; set local lock_timeout = '5s';"
    " set local idle_in_transaction_session_timeout = '10s'"
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one database, under the name of its cell."""

    name: str
    engine: AsyncEngine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end. Raises SQLAlchemyError and OSError when the database is away."""
        connection = await self._begun()
        try:
            yield connection
            await connection.commit()
        finally:
            await asyncio.shield(asyncio.ensure_future(connection.close()))

    async def _begun(self) -> AsyncConnection:
        """A connection in a guarded transaction. One that died in the pool is passed over: nothing was sent on it yet."""
        try:
            return await self._guarded()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._guarded()  # SQLAlchemy gave up all connections of the pool that are older than the error

    async def _guarded(self) -> AsyncConnection:
        connection = await self.engine.connect()
        try:
            await connection.exec_driver_sql(_GUARDS)
        except BaseException:
            await connection.close()
            raise
        return connection


def all_ledgers(databases: Databases, registry: Registry) -> list[Ledger]:
    """The registry's own ledger first, then that of every cell elsewhere."""
    elsewhere = sorted(cell.name for cell in registry.current.cells.values() if cell.address)
    return [Ledger(name, databases.ledger(name)) for name in (REGISTRY, *elsewhere)]


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the database is away or too busy right now, and the same may work later."""
    passing = (psycopg.OperationalError, psycopg.InterfaceError)  # lock time-outs and deadlocks are of the first kind
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.orig, passing)
    return isinstance(error, PoolTimeout | psycopg.OperationalError | psycopg.InterfaceError)


OUTAGES = (SQLAlchemyError, OSError)
"""What a loop survives with a pause. A mistake in our SQL is among them, so a loop logs what it caught."""
