"""What happens to lot groups. All of it touches the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event
from domain.occupancy.events import OCCUPANCY


@dataclass(frozen=True, slots=True)
class LotGroupCreated(Event):
    """A lot group was created."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_group_id: UUID


@dataclass(frozen=True, slots=True)
class LotGroupChanged(Event):
    """A lot group got other values."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_group_id: UUID


@dataclass(frozen=True, slots=True)
class LotGroupArchived(Event):
    """A lot group was archived, for good."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_group_id: UUID
