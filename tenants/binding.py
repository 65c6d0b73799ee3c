"""How a transaction is bound to one environment: one message that begins it, and a free check that it worked.

Nothing is set for longer than the transaction, so a transaction pooler may stand in between. The texts sent here hold
names of the registry only, quoted as identifiers, never anything of a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.util.concurrency import greenlet_spawn

from domain.kernel.errors import StaleEnvironment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, PoolResetState

OPTION = "opscom_binding"
IS_BEGUN = "opscom_is_begun"
"""Option of a connection whose transaction was begun already, by ``check_out``."""
MOST_DEAD = 100
"""How many dead connections in a row are passed over before a transaction is given up."""
DISTINCT_SCHEMAS = 150
"""A backend keeps about 0.42 MB for each schema it has seen, so it is retired after this many."""


_REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.UndefinedTable,
)
"""How PostgreSQL says that the role or the schema is not what it was."""


class Unbound(RuntimeError):
    """SQL was about to run outside any environment: a mistake of ours, refused before it reaches the database."""


class BindingLost(RuntimeError):
    """The backend reports another search path than the one asked for; the transaction is not used."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The environment of a transaction, ready to be sent: ``message`` begins, ``search_path`` is what must hold then."""

    schema: str
    message: bytes
    search_path: bytes

    @classmethod
    def of(cls, *, schema: str, role: str, read_only: bool, statement_timeout_ms: int, lock_timeout_ms: int) -> Binding:
        """The binding of one environment for reading or for writing.

        A writing transaction holds from its beginning the lock that writing to the audit takes anyway: who may not write
        learns it before the first statement, and who takes the right away sees every transaction that still writes.
        """
        mode = "isolation level repeatable read read only" if read_only else "isolation level read committed"
        text = sql.SQL(
            "begin {}; set local search_path = {}, pg_temp; set local role {};"
            " set local statement_timeout = {}; set local lock_timeout = {}{}"
        ).format(
            sql.SQL(mode),
            sql.Identifier(schema),
            sql.Identifier(role),
            sql.Literal(statement_timeout_ms),
            sql.Literal(lock_timeout_ms),
            sql.SQL("" if read_only else "; lock table audit_entry in row exclusive mode"),
        )
        return cls(schema, text.as_string(None).encode(), f"{schema}, pg_temp".encode())


class _Driver(Protocol):
    @property
    def closed(self) -> bool: ...

    @property
    def driver_connection(self) -> psycopg.AsyncConnection: ...

    def rollback(self) -> None: ...

    def run_async(self, fn: Callable[[psycopg.AsyncConnection], Awaitable[object]]) -> object: ...


def bind_transactions(engine: AsyncEngine) -> None:
    """Make every transaction of the engine begin with the message of its binding, and retire well-travelled backends.

    The engine's pool must reset nothing by itself.
    """
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "handle_error", _name_stale_environments)
    event.listen(engine.sync_engine.pool, "reset", _roll_back)
    event.listen(engine.sync_engine.pool, "checkin", _retire)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(IS_BEGUN):
        return
    binding = _binding_of(options)
    for is_last in _tries():
        error = _bound(connection.connection, binding, is_last=is_last)
        if error is None:
            return
        connection.invalidate(error)


async def check_out(engine: AsyncEngine) -> PoolProxiedConnection:
    """A connection of an environment's engine with its transaction begun; ``give_back`` takes it."""
    binding = _binding_of(engine.sync_engine.get_execution_options())
    for is_last in _tries():
        fairy = await _connected(engine)
        _note_schema(fairy, binding)
        raw = cast("psycopg.AsyncConnection", fairy.driver_connection)
        try:
            await _send(raw, binding)
        except psycopg.OperationalError as error:
            is_dead = raw.closed
            await give_back(fairy)
            if is_last or not is_dead:
                raise OperationalError("begin", None, error) from error
        except BaseException:
            await give_back(fairy)
            raise
        else:
            return fairy
    raise AssertionError  # the last try returns or raises


async def give_back(fairy: PoolProxiedConnection) -> None:
    """Give a connection back to its pool. What was not committed is rolled back; a dead one is replaced."""
    raw = cast("psycopg.AsyncConnection | None", fairy.driver_connection)
    if raw is not None and _is_idle(raw) and not _is_well_travelled(fairy.info):
        fairy.close()  # awaits nothing
    else:
        await greenlet_spawn(fairy.close)


async def _connected(engine: AsyncEngine) -> PoolProxiedConnection:
    """A connection of the pool. Only an engine gives the driver's errors SQLAlchemy's names, a pool does not."""
    try:
        return await greenlet_spawn(engine.pool.connect)
    except psycopg.OperationalError as error:
        raise OperationalError("connect", None, error) from error


def _binding_of(options: Mapping[str, object]) -> Binding:
    binding = options.get(OPTION)
    if not isinstance(binding, Binding):
        msg = "no environment is bound to this transaction"
        raise Unbound(msg)
    return binding


def _tries() -> Iterator[bool]:
    """For each try whether it is the last one."""
    # After a restart of the server every pooled connection is dead. Nothing was sent on one yet, so another takes its
    # place, until the pool has no more of them and makes a new one, or says that the server is away.
    for left in reversed(range(MOST_DEAD)):
        yield left == 0


def _bound(fairy: PoolProxiedConnection, binding: Binding, *, is_last: bool) -> psycopg.Error | None:
    """Send the binding. Returns the error if the connection was dead; raises every other one."""
    _note_schema(fairy, binding)
    driver = cast("_Driver", fairy.dbapi_connection)
    try:
        driver.run_async(lambda raw: _send(raw, binding))
    except psycopg.OperationalError as error:
        if is_last or not driver.closed:
            raise OperationalError("begin", None, error) from error
        return error
    return None


async def _send(raw: psycopg.AsyncConnection, binding: Binding) -> None:
    try:
        await raw.execute(binding.message, prepare=False)
    except _REFUSALS as error:
        await raw.rollback()
        raise StaleEnvironment("This environment has moved.") from error
    reported = raw.pgconn.parameter_status(b"search_path")
    if reported is not None and reported != binding.search_path:
        await raw.rollback()
        msg = f"search path is {reported!r}, not {binding.search_path!r}"
        raise BindingLost(msg)


def _name_stale_environments(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, psycopg.errors.UndefinedTable):
        stale = StaleEnvironment("This environment has moved.")
        stale.__cause__ = context.original_exception
        raise stale


def _note_schema(fairy: PoolProxiedConnection, binding: Binding) -> None:
    fairy.info.setdefault("schemas", set()).add(binding.schema)


def _is_well_travelled(info: Mapping[str, Any]) -> bool:
    return len(info.get("schemas", ())) > DISTINCT_SCHEMAS


def _is_idle(raw: psycopg.AsyncConnection) -> bool:
    """Whether the connection is in no transaction. One that is dead is in an unknown one."""
    return raw.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _roll_back(connection: _Driver, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """As the pool's own reset, which would await also where there is nothing to roll back, and log each dead connection."""
    if connection.closed:
        record.invalidate()
    elif state.asyncio_safe and not _is_idle(connection.driver_connection):
        connection.rollback()


def _retire(dbapi_connection: object | None, record: ConnectionPoolEntry) -> None:
    if dbapi_connection is not None and _is_well_travelled(record.info):
        record.info["schemas"].clear()
        record.invalidate()
