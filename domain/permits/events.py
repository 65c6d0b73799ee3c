"""What happens to permits. All of it touches the counts on the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event
from domain.occupancy.events import OCCUPANCY


@dataclass(frozen=True, slots=True)
class PermitIssued(Event):
    """A permit was issued."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    permit_id: UUID
    lot_id: UUID


@dataclass(frozen=True, slots=True)
class PermitEnded(Event):
    """A permit was ended before its time."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    permit_id: UUID
    lot_id: UUID
