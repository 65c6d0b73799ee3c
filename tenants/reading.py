"""One read-only transaction on a connection of the pool: fixed statements by the driver itself, everything else by the ORM.

A transaction with its statements costs half as much this way as through a session, which is only made when it is asked for
and then reads in the same transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from domain.kernel.errors import StaleEnvironment
from tenants.binding import IS_BEGUN, check_out, give_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.pool import PoolProxiedConnection

    from domain.kernel.fixed import FixedStatement


class Reading:
    """An open transaction; ``end`` it."""

    def __init__(self, engine: AsyncEngine, fairy: PoolProxiedConnection) -> None:
        self._engine = engine
        self._fairy = fairy
        self._raw = cast("psycopg.AsyncConnection[Any]", fairy.driver_connection)
        self._session: AsyncSession | None = None

    async def rows(self, statement: FixedStatement, parameters: Mapping[str, object] | None) -> Sequence[Any]:
        """All rows of a fixed statement, as tuples. Errors are SQLAlchemy's, as those of a session."""
        try:
            cursor = await self._raw.execute(statement.sql, statement.values(parameters))
            return await cursor.fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise StaleEnvironment("This environment has moved.") from error
        except psycopg.OperationalError as error:
            raise OperationalError(statement.sql, None, error) from error
        except psycopg.Error as error:
            raise DBAPIError(statement.sql, None, error) from error

    @property
    def session(self) -> AsyncSession:
        """A session in this transaction."""
        if self._session is None:
            connection = Connection(self._engine.sync_engine, connection=self._fairy)
            options = {IS_BEGUN: True}
            connection = connection.execution_options(**options)
            self._session = AsyncSession(AsyncConnection(self._engine, connection), expire_on_commit=False)
        return self._session

    async def end(self) -> None:
        """Commit (psycopg forgets its prepared statements at a rollback) and give the connection back."""
        try:
            if self._session is not None:
                await self._session.commit()
                await self._session.close()
            await self._raw.commit()
        except psycopg.OperationalError as error:
            self._fairy.invalidate(error)
            raise OperationalError("commit", None, error) from error
        finally:
            await give_back(self._fairy)


def reader(engine: AsyncEngine) -> Callable[[], Awaitable[Reading]]:
    """What opens a reading on the engine of one environment."""

    async def open_reading() -> Reading:
        return Reading(engine, await check_out(engine))

    return open_reading
