"""What happens to lot zones. None of it is on the map."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ZoneCreated(Event):
    """A lot zone was created."""

    zone_id: UUID


@dataclass(frozen=True, slots=True)
class ZoneChanged(Event):
    """A lot zone got other names."""

    zone_id: UUID


@dataclass(frozen=True, slots=True)
class ZoneArchived(Event):
    """A lot zone was archived; it holds for no lot any more."""

    zone_id: UUID


@dataclass(frozen=True, slots=True)
class LotZoneAdded(Event):
    """A zone holds for a lot, at some times."""

    lot_zone_id: UUID
    lot_id: UUID
    zone_id: UUID


@dataclass(frozen=True, slots=True)
class LotZoneRemoved(Event):
    """A zone no longer holds for a lot at those times."""

    lot_zone_id: UUID
    lot_id: UUID
    zone_id: UUID
