"""The registry in the memory of a process: always whole, never asked per request, and kept when the database is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tenants.environments import Environment, RegistryMap
from tenants.registry.read import read_map

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.bus import Bus
    from tenants.databases import Databases

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 5.0
EMPTY = RegistryMap.of(-1, [], {})


class Registry:
    """The current map of hosts and environments. ``run`` must run as a task to keep it current."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._map = EMPTY
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

    def siblings(self, environment_id: UUID) -> list[Environment]:
        """All environments of the tenant that an environment belongs to, itself included."""
        found = self._map.by_id.get(environment_id)
        return [] if found is None else [e for e in self._map.by_id.values() if e.tenant.id == found.tenant.id]

    async def load(self) -> None:
        """Read what changed in the database since; everything at first."""
        async with self._loading:
            self._map = await read_map(self._databases.control(), self._map)

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
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("registry_unreachable", error=repr(error), version=self.version)
