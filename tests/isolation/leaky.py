"""Parts that leak, each by a small mistake that others made: the machine must find every one of them.

They stand in for the product's own through its seams: what a ``Platform`` and ``create_app`` are made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, Select, event
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from typing_extensions import override

from auth.desk import LoginDesk
from domain.kernel.snapshot import Reading, Snapshot
from domain.kernel.work import Outside, Work
from gateway.answers import GuestAnswers, Kept, Question, Run
from gateway.live.room import Topics
from jobs.reactions import REACTIONS
from schema.operations.execution import Answer
from tenants.binding import OPTION, Binding
from tenants.databases import REGISTRY, Databases

if TYPE_CHECKING:
    from auth.models import Portal
    from domain.kernel.actor import Actor
    from domain.kernel.fixed import FixedStatement
    from opscom.platform import Platform
    from tenants.environments import Environment

T = TypeVar("T")

NOBODY = UUID(int=0)
HOME = "home"
DIALECT = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


def databases_of(made: type[Databases]) -> Callable[[Platform], Databases]:
    """What makes a platform's databases in a leaky form."""

    def make(platform: Platform) -> Databases:
        return made(
            platform.settings,
            platform.key_ring,
            platform.clock,
            reactions=REACTIONS,
            publish=platform.bus.committed,
            data_keys=lambda: platform.registry.current.data_keys,
            cells=lambda: platform.registry.current.cells,
        )

    return make


class SetForTheConnection(Databases):
    """Role and path are set for the whole connection, once for each change of tenant: a rollback takes them back."""

    _pool: AsyncEngine | None = None

    @override
    def snapshot(self, environment: Environment, actor: Actor) -> Snapshot:
        async def open_reading() -> Reading:
            return _Session(AsyncSession(self._at(environment), expire_on_commit=False))

        places = self._places_of(environment.id)
        return Snapshot(open_reading, actor, self.clock(), places, environment.features)

    @override
    def work(
        self, environment: Environment, actor: Actor, *, before_commit: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work:
        outside = Outside(
            environment.id, environment.role, {}, self._publish, self.vault(environment), environment.features
        )
        places = self._places_of(environment.id)
        sessions = lambda: AsyncSession(self._at(environment), expire_on_commit=False)  # noqa: E731 - two words
        return Work(sessions, actor, self.clock(), outside, places, before_commit=before_commit)

    @override
    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.dispose()
        await super().close()

    def _at(self, environment: Environment) -> AsyncEngine:
        if self._pool is None:
            url = self._login_url(self._address(REGISTRY), "app").set(drivername="postgresql+psycopg")
            self._pool = create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
            event.listen(self._pool.sync_engine, "begin", _set_if_new)
        return self._pool.execution_options(**{HOME: (environment.schema, environment.role)})


def _set_if_new(connection: Connection) -> None:
    home, info = connection.get_execution_options().get(HOME), connection.connection.info
    if home is not None and info.get(HOME) != home:
        names = [sql.Identifier(name) for name in home]
        connection.exec_driver_sql(sql.SQL("set search_path = {}; set role {}").format(*names).as_string(None))
        info[HOME] = home


class _Session:
    """A reading by an ordinary session."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def rows(self, statement: FixedStatement, parameters: Mapping[str, object] | None) -> Sequence[Any]:
        raw = await (await self.session.connection()).get_raw_connection()
        assert raw.driver_connection is not None
        cursor = await raw.driver_connection.execute(statement.sql, statement.values(parameters))
        rows: Sequence[Any] = await cursor.fetchall()
        return rows

    async def end(self) -> None:
        await self.session.commit()
        await self.session.close()


CURRENT: ContextVar[Environment | None] = ContextVar("current", default=None)


class CurrentTenant(Databases):
    """Who is served stands in a context variable, which is set for writing, trusted for reading, and never cleared."""

    @override
    def work(
        self, environment: Environment, actor: Actor, *, before_commit: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work:
        CURRENT.set(environment)
        return super().work(environment, actor, before_commit=before_commit)

    @override
    def snapshot(self, environment: Environment, actor: Actor) -> Snapshot:
        return super().snapshot(CURRENT.get() or environment, actor)


class LoadedForTheProcess(Databases):
    """What was read once is read no more until somebody writes: a loader that lives as long as the process."""

    loaded: dict[Hashable, Any]

    @override
    def work(
        self, environment: Environment, actor: Actor, *, before_commit: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work:
        self.loaded = {}
        return super().work(environment, actor, before_commit=before_commit)

    @override
    def snapshot(self, environment: Environment, actor: Actor) -> Snapshot:
        reads = super().snapshot(environment, actor)
        if not hasattr(self, "loaded"):
            self.loaded = {}
        return _Loaded(self.loaded, reads)


class _Loaded(Snapshot):
    def __init__(self, loaded: dict[Hashable, Any], reads: Snapshot) -> None:
        super().__init__(reads._open_reading, reads.actor, reads.now, reads._places, reads.features)  # noqa: SLF001 - the same again
        self._loaded = loaded

    @override
    async def tuples(self, statement: FixedStatement, parameters: Mapping[str, object] | None = None) -> Sequence[Any]:
        return await self._once((id(statement), repr(parameters)), super().tuples(statement, parameters))

    @override
    async def scalars(self, statement: Select[T]) -> list[T]:
        compiled = statement.compile(dialect=DIALECT)
        return await self._once((str(compiled), repr(compiled.params)), super().scalars(statement))

    async def _once(self, key: Hashable, reading: Awaitable[T]) -> T:
        fresh = await reading
        known: T = self._loaded.setdefault(key, fresh)
        return known


class PublicInThePath(Databases):
    """The path has a schema that is everybody's before one's own."""

    @override
    def _bind(self, address: str, schema: str, role: str, *, read_only: bool) -> AsyncEngine:
        engine = super()._bind(address, schema, role, read_only=read_only)
        right: Binding = engine.get_execution_options()[OPTION]
        path = f"public, {schema}, pg_temp"
        said = right.message.replace(f'"{schema}", pg_temp'.encode(), f'"public", "{schema}", pg_temp'.encode())
        return engine.execution_options(**{OPTION: Binding(schema, said, path.encode())})


@asynccontextmanager
async def shared_table(platform: Platform, like: Environment, table: str) -> AsyncIterator[None]:
    """A table of everybody's beside each tenant's own, as an unwary migration makes it."""
    owner = f'"{platform.databases.database_name(like.cell)}_owner"'
    made = f"create table public.{table} (like {like.schema}.{table} including all)"
    async with platform.databases.provisioner().begin() as connection:
        await connection.exec_driver_sql(f"grant create on schema public to {owner}")
    async with platform.databases.owner(like.cell).begin() as connection:
        await connection.exec_driver_sql(f"set local role {owner}; {made}; grant all on public.{table} to public")
    try:
        yield
    finally:
        async with platform.databases.owner(like.cell).begin() as connection:
            await connection.exec_driver_sql(f"set local role {owner}; drop table public.{table}")
        async with platform.databases.provisioner().begin() as connection:
            await connection.exec_driver_sql(f"revoke create on schema public from {owner}")


class OneKeyForAll(GuestAnswers):
    """What guests are answered is kept by their question alone."""

    @override
    def find(self, question: Question) -> Kept | None:
        return super().find(question._replace(environment=NOBODY))

    @override
    async def run(
        self, question: Question, environment: Environment, topics: Topics, run: Run
    ) -> tuple[Answer, Kept | None]:
        return await super().run(question._replace(environment=NOBODY), environment, topics, run)


class ByCookieAlone(LoginDesk):
    """Who somebody is, is remembered by their cookies, wherever they were sent."""

    @override
    async def identify(self, environment: Environment, portal: Portal, cookie_header: str) -> Actor:
        remembered: dict[str, Actor] = self.__dict__.setdefault("remembered", {})
        if cookie_header not in remembered:
            remembered[cookie_header] = await super().identify(environment, portal, cookie_header)
        return remembered[cookie_header]
