"""What happens to settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel.events import Event
from domain.occupancy.events import OCCUPANCY


@dataclass(frozen=True, slots=True)
class IntegrationChanged(Event):
    """The connection to a vendor was enabled, disabled or changed. A sensor counts only while it is enabled."""

    topics: ClassVar[frozenset[str]] = OCCUPANCY

    vendor: str
