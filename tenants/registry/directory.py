"""The registry in the memory of a process: always whole, never asked per request, and kept when the database is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domain.kernel.errors import NotFound
from tenants.environments import Environment, RegistryMap
from tenants.registry.read import read_map

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.bus import Bus
    from tenants.databases import Databases
    from tenants.registry.kept import MapFile

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 5.0
KEEP_EVERY_S = 30.0
EMPTY = RegistryMap.of(-1, [], {})
OUTAGES = (SQLAlchemyError, OSError, TimeoutError)


class Registry:
    """The current map of hosts and environments. ``run`` must run as a task to keep it current."""

    def __init__(self, databases: Databases, kept: MapFile | None = None) -> None:
        """``kept`` is where the map is kept for a start without the database, at most twice a minute and at the end."""
        self._databases = databases
        self._kept = kept
        self._map = EMPTY
        self._is_from_disk = False
        self._version_kept = EMPTY.version
        self._keep_again_at = 0.0
        self._nudged = asyncio.Event()
        self._loading = asyncio.Lock()

    @property
    def version(self) -> int:
        """The version of the map that is in use; -1 before the first load."""
        return self._map.version

    @property
    def current(self) -> RegistryMap:
        """The whole map."""
        return self._map

    def by_host(self, host: str) -> Environment | None:
        """The environment that answers for a normalised host name, or None."""
        return self._map.by_host.get(host)

    def by_id(self, environment_id: UUID) -> Environment | None:
        """The environment with this id, or None."""
        return self._map.by_id.get(environment_id)

    def by_role(self, role: str) -> Environment | None:
        """The environment whose database role this is (its name in the run ledger), or None."""
        return self._map.by_role.get(role)

    def of_tenant(self, tenant_id: UUID) -> tuple[Environment, ...]:
        """All environments of a tenant."""
        return self._map.by_tenant.get(tenant_id, ())

    def siblings(self, environment_id: UUID) -> tuple[Environment, ...]:
        """All environments of the tenant that an environment belongs to, itself included."""
        found = self._map.by_id.get(environment_id)
        return () if found is None else self.of_tenant(found.tenant.id)

    async def known(self, environment_id: UUID) -> Environment:
        """The environment as the database has it now. Raises NotFound."""
        await self.load()
        found = self._map.by_id.get(environment_id)
        if found is None:
            raise NotFound("There is no such environment.")
        return found

    async def load(self) -> None:
        """Read what changed in the database since; everything at first."""
        async with self._loading:
            known = EMPTY if self._is_from_disk else self._map
            self._map, self._is_from_disk = await read_map(self._databases.control(), known), False
            await self._keep()

    async def _keep(self) -> None:
        """Write the map down if it is another one: all tenants are one file, so not after each of many changes."""
        now = asyncio.get_running_loop().time()
        if self._kept is None or self._map.version == self._version_kept or now < self._keep_again_at:
            return
        self._version_kept, self._keep_again_at = self._map.version, now + KEEP_EVERY_S
        await asyncio.to_thread(self._kept.write, self._map)

    async def end(self) -> None:
        """Write down what changed since the map was last kept: the next start may have no database to ask."""
        self._keep_again_at = 0.0
        if not self._is_from_disk:
            await self._keep()

    async def start(self) -> None:
        """Read the map for the first time; while the database is away, the one that was kept, until ``run`` reads another.

        Raises what the database raised where none was kept.
        """
        try:
            await self.load()
        except OUTAGES as error:
            found = await asyncio.to_thread(self._kept.read) if self._kept is not None else None
            if found is None:
                raise
            log.warning("registry_from_disk", error=repr(error), version=found.version)
            self._map, self._is_from_disk = found, True

    async def run(self, bus: Bus) -> None:
        """Follow the registry until cancelled: at once on a note, else by its version every five seconds."""
        bus.on_nudge("registry", self._nudged.set)
        while True:
            try:
                async with asyncio.timeout(CHECK_EVERY_S):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()
            try:
                await self.load()
            except OUTAGES as error:
                log.warning("registry_unreachable", error=repr(error), version=self.version)
            except Exception:  # a row that this release does not understand: the last map holds until it does
                log.exception("registry_not_understood", version=self.version)
