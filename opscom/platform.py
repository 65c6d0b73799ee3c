"""The composition root: one function that makes everything that talks to the world, and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.kernel.clock import Clock, utc_now
from jobs.reactions import REACTIONS
from opscom.furniture import furnish
from opscom.models import environment_models
from tenants.bus import Bus
from tenants.copies.copier import Copier
from tenants.copies.sanitise import Sanitiser
from tenants.copies.storage import Storage
from tenants.databases import Databases
from tenants.egress import Egress
from tenants.keys.ring import KeyRing
from tenants.provisioning import Provisioner
from tenants.registry.directory import Registry
from tenants.registry.kept import MapFile

if TYPE_CHECKING:
    from tenants.settings import Settings


@dataclass(frozen=True, slots=True)
class Platform:
    """One running process's connections to the world, and the registry in its memory."""

    settings: Settings
    clock: Clock
    key_ring: KeyRing
    bus: Bus
    databases: Databases
    registry: Registry
    egress: Egress
    provisioner: Provisioner
    copier: Copier


@asynccontextmanager
async def open_platform(
    settings: Settings, clock: Clock = utc_now, *, follow: bool = True, keeps_map: bool = False
) -> AsyncIterator[Platform]:
    """Make the platform and close it at the end. ``follow`` loads the registry and keeps it and the bus current.

    ``keeps_map`` keeps the registry's map on disk too, and begins with that one while the database is away.
    """
    kept = MapFile(settings.map_file) if keeps_map and settings.map_file else None
    platform = _assemble(settings, clock, kept)
    tasks: list[asyncio.Task[None]] = []
    try:
        if follow:
            await platform.registry.start()
            tasks = [asyncio.create_task(platform.bus.run()), asyncio.create_task(platform.registry.run(platform.bus))]
        yield platform
    finally:
        for task in tasks:
            await _ended(task)
        await platform.registry.end()
        await platform.egress.close()
        await platform.bus.close()
        await platform.databases.close()


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task, again and again: a library may swallow a cancellation that meets a failing connection."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)


def _assemble(settings: Settings, clock: Clock, kept: MapFile | None) -> Platform:
    key_ring = KeyRing.parse(settings.secret_keys.get_secret_value())
    bus = Bus(settings.redis_url, settings.namespace)
    databases = Databases(
        settings,
        key_ring,
        clock,
        reactions=REACTIONS,
        publish=bus.committed,
        data_keys=lambda: registry.current.data_keys,
        cells=lambda: registry.current.cells,
    )
    registry = Registry(databases, kept)
    provisioner = Provisioner(databases, registry, bus, furnish)
    copier = Copier(
        databases, registry, bus, Storage(settings.backup_storage), Sanitiser.of(environment_models()), clock
    )
    return Platform(
        settings, clock, key_ring, bus, databases, registry, Egress(settings.egress_allow), provisioner, copier
    )
