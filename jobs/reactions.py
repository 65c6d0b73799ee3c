"""Which tasks an event causes: ``Work`` writes their runs in the transaction of the event. The payload is the event's ids."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.kernel.events import Event

REACTIONS: Mapping[type[Event], tuple[str, ...]] = MappingProxyType({})
"""Event → names of tasks in the catalogue. Nothing of this release is caused by an event: polls come by the clock."""
