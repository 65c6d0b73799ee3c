"""Which tasks an event causes: ``Work`` writes their runs in the transaction of the event. The payload is the event's ids."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.kernel.events import Event
from domain.mail.events import MessageWritten
from domain.tasks.catalogue import SEND_MAIL

REACTIONS: Mapping[type[Event], tuple[str, ...]] = MappingProxyType({MessageWritten: (SEND_MAIL.name,)})
"""Event → names of tasks in the catalogue."""
