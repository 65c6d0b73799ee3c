"""What happens to messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event

TOPIC = "mail"
"""The live topic of messages."""


@dataclass(frozen=True, slots=True)
class MessageWritten(Event):
    """There is a message to send. The run that sends it reacts to this."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})

    message_id: UUID


@dataclass(frozen=True, slots=True)
class MessageEnded(Event):
    """A message was sent, captured, kept, given up or cancelled. The row says which."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})
    is_audited: ClassVar[bool] = False

    message_id: UUID


@dataclass(frozen=True, slots=True)
class ReplyToChanged(Event):
    """Answers to the tenant's mail go to another address."""
