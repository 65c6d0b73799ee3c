"""The engines of this process and what is opened on them: Work and Snapshot for an environment, the ledger, the registry.

The only module that makes an engine. Which login may do what is said in ``cells/logins.py``; where a cell lies, in the registry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import URL, QueuePool, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from domain.kernel.errors import EnvironmentMoving
from domain.kernel.places import Places
from domain.kernel.snapshot import Snapshot
from domain.kernel.work import Committed, Outside, Work
from tenants.binding import OPTION, Binding, bind_transactions
from tenants.connecting import Connector, try_passwords
from tenants.keys.ring import KeyRing
from tenants.keys.vault import TenantVault
from tenants.reading import reader
from tenants.registry.cells import CellNotFound, CellUnprovisioned

if TYPE_CHECKING:
    from domain.kernel.actor import Actor
    from domain.kernel.clock import Clock
    from domain.kernel.events import Event
    from tenants.environments import Cell, Environment
    from tenants.settings import Settings

REGISTRY = ""
"""The name under which the registry's own database is asked for, where a cell's name is expected."""

Reactions = Mapping["type[Event]", tuple[str, ...]]
Publish = Callable[[Committed], Awaitable[None]]
DataKeys = Callable[[], Mapping["UUID", Mapping[int, str]]]
Cells = Callable[[], Mapping[str, "Cell"]]


class Databases:
    """Engines by address and login, made when first needed, closed with ``close``."""

    def __init__(
        self,
        settings: Settings,
        key_ring: KeyRing,
        clock: Clock,
        *,
        reactions: Reactions,
        publish: Publish,
        data_keys: DataKeys,
        cells: Cells,
    ) -> None:
        """``data_keys`` and ``cells`` are those of the registry's map that is in use."""
        self.settings = settings
        self.key_ring = key_ring
        self.clock = clock
        self._reactions = reactions
        self._publish = publish
        self._data_keys = data_keys
        self._cells = cells
        self._engines: dict[tuple[str, str], AsyncEngine] = {}
        self._places: dict[UUID, Places] = {}
        self._bound = lru_cache(maxsize=4096)(self._bind)

    def snapshot(self, environment: Environment, actor: Actor) -> Snapshot:
        """The reads of one operation in an environment. The caller ends it."""
        engine = self._bound(self._address(environment.cell), environment.schema, environment.role, read_only=True)
        places = self._places_of(environment.id)
        return Snapshot(reader(engine), actor, self.clock(), places, environment.features)

    def work(
        self,
        environment: Environment,
        actor: Actor,
        *,
        before_commit: Callable[[Work], Awaitable[None]] | None = None,
    ) -> Work:
        """One write transaction in an environment. Raises EnvironmentMoving."""
        if environment.is_moving:
            raise EnvironmentMoving("This site is being moved; try again in a moment.")
        engine = self._bound(self._address(environment.cell), environment.schema, environment.role, read_only=False)
        outside = Outside(
            environment.id,
            environment.role,
            self._reactions,
            self._publish,
            self.vault(environment),
            environment.features,
        )
        return Work(
            lambda: AsyncSession(engine, expire_on_commit=False),
            actor,
            self.clock(),
            outside,
            self._places_of(environment.id),
            before_commit=before_commit,
        )

    def _places_of(self, environment_id: UUID) -> Places:
        """One environment never holds more than half of this process's connections."""
        if environment_id not in self._places:
            self._places[environment_id] = Places(max(1, self.settings.pool_size // 2))
        return self._places[environment_id]

    def vault(self, environment: Environment) -> TenantVault:
        """The vault of the environment's tenant."""
        return TenantVault(self.key_ring, self._data_keys().get(environment.tenant.id, {}), environment.tenant.id)

    def ledger(self, cell: str) -> AsyncEngine:
        """The run ledger of a cell, as the login that sees all rows of it. ``REGISTRY`` is the platform's own."""
        return self._engine(self._address(cell), "dispatch")

    def control(self) -> AsyncEngine:
        """The registry, as the login that may change its rows and may become no environment."""
        return self._engine(self._address(REGISTRY), "control")

    def owner(self, cell: str) -> AsyncEngine:
        """A cell, as the login that may make roles and become the owner: provisioning and migrations only."""
        return self._engine(self._address(cell), "ddl")

    def owner_connector(self, cell: str) -> Connector:
        """The same login as ``owner``, for connections of the copy engine, which are psycopg's own."""
        return self.connector(self._address(cell), "ddl")

    def connector(self, address: str, login: str) -> Connector:
        """Any login at an address, whether a cell lies there or not."""
        url = self._login_url(address, login)
        return Connector(url, self.key_ring.login_passwords(str(url.username)))

    def provisioner(self, cell: str = REGISTRY) -> AsyncEngine:
        """A database with the credentials of its provisioner: ``opscom migrate`` and ``opscom cell add`` only.

        They stand in ``OPSCOM_DATABASE_URL`` for the registry's own, in ``OPSCOM_CELL_URLS`` for a cell elsewhere.
        Raises CellUnprovisioned.
        """
        if cell == REGISTRY:
            return self._made(("", ""), self.settings.database_url.get_secret_value())
        if cell not in self.settings.cell_urls:
            raise CellUnprovisioned("OPSCOM_CELL_URLS does not name this cell.", cell=cell)
        return self._made((cell, ""), self.settings.cell_urls[cell].get_secret_value())

    def database_name(self, cell: str) -> str:
        """The database's name, which is the prefix of the cell's logins (a name is unique in its cluster)."""
        return self._url(self._address(cell)).database or "postgres"

    async def look_at(self, address: str) -> None:
        """Log in to a cell at an address, as the dispatcher will. Raises OperationalError."""
        async with self._engine(address, "dispatch").connect() as connection:
            await connection.exec_driver_sql("select 1")

    def pool_use(self) -> dict[str, tuple[int, int]]:
        """By database: how many connections the clients' transactions of this process hold now, and how many they may."""
        pools = [engine for (_, login), engine in self._engines.items() if login == "app"]
        return {
            str(engine.url.database): (engine.pool.checkedout(), self.settings.pool_size)
            for engine in pools
            if isinstance(engine.pool, QueuePool)
        }

    async def close(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()
        self._bound.cache_clear()

    def _bind(self, address: str, schema: str, role: str, *, read_only: bool) -> AsyncEngine:
        binding = Binding.of(
            schema=schema,
            role=role,
            read_only=read_only,
            statement_timeout_ms=self.settings.statement_timeout_ms,
            lock_timeout_ms=self.settings.lock_timeout_ms,
        )
        return self._engine(address, "app").execution_options(**{OPTION: binding})

    def _engine(self, address: str, login: str) -> AsyncEngine:
        key = (address, login)
        return self._engines.get(key) or self._made_for_login(key)

    def _login_url(self, address: str, login: str) -> URL:
        url = self._url(address)
        user = f"{url.database or 'postgres'}_{login}"
        return url.set(username=user, password=self.key_ring.login_password(user))

    def _address(self, cell: str) -> str:
        """Where a cell lies; empty for the registry's own database. Raises CellNotFound."""
        if cell == REGISTRY:
            return ""
        found = self._cells().get(cell)
        if found is None:
            raise CellNotFound("There is no such cell.", cell=cell)
        return found.address or ""

    def _url(self, address: str) -> URL:
        return make_url(address or self.settings.database_url.get_secret_value())

    def _connect_args(self, login: str) -> dict[str, object]:
        arguments: dict[str, object] = {"connect_timeout": 5, "application_name": f"opscom {login}"}
        return arguments if self.settings.prepare_statements else arguments | {"prepare_threshold": None}

    def _made_for_login(self, key: tuple[str, str]) -> AsyncEngine:
        url = self._login_url(*key)
        engine = self._made(key, url)
        try_passwords(engine, self.key_ring.login_passwords(str(url.username)))
        return engine

    def _made(self, key: tuple[str, str], url: URL | str) -> AsyncEngine:
        _, login = key
        if key not in self._engines:
            size = self.settings.pool_size if login == "app" else 2
            engine = create_async_engine(
                make_url(url).set(drivername="postgresql+psycopg"),
                isolation_level="AUTOCOMMIT" if login == "app" else "READ COMMITTED",
                pool_size=size,
                max_overflow=0 if login == "app" else 4,
                pool_use_lifo=True,
                pool_reset_on_return=None if login == "app" else "rollback",  # ``bind_transactions`` does it
                # A step of a copy that met a connection from before the server's restart would cost it an attempt.
                pool_pre_ping=login != "app",  # whose transactions pass over dead connections themselves
                pool_timeout=10,
                connect_args=self._connect_args(login),
            )
            if login == "app":
                bind_transactions(engine)
            self._engines[key] = engine
        return self._engines[key]
