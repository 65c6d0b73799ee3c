"""What happens to messages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.kernel.events import Event


@dataclass(frozen=True, slots=True)
class MessageWritten(Event):
    """There is a message to send. The run that sends it reacts to this."""

    message_id: UUID


@dataclass(frozen=True, slots=True)
class ReplyToChanged(Event):
    """Answers to the tenant's mail go to another address."""
