"""What happens to lots. All of it touches the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event
from domain.occupancy.events import OCCUPANCY


@dataclass(frozen=True, slots=True)
class LotCreated(Event):
    """A lot was created."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_id: UUID


@dataclass(frozen=True, slots=True)
class LotChanged(Event):
    """A lot got other values, or other user types."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_id: UUID


@dataclass(frozen=True, slots=True)
class LotArchived(Event):
    """A lot was archived."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    lot_id: UUID
