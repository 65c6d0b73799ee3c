"""What happens to occupancy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel.events import Event

OCCUPANCY = frozenset({"occupancy"})
"""The live topic of everything that the map shows; events of other nouns touch it too."""


@dataclass(frozen=True, slots=True)
class OccupancyChanged(Event):
    """A poll brought readings that differ from what was known."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY
    is_audited: ClassVar[bool] = False

    source: str
