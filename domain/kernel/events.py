"""What happened, in the past tense. Only actions record events; ``Work`` turns them into runs and live notes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events: a frozen dataclass of ids and plain values.

    ``topics`` are the live topics the event touches; a feed that follows one of them is rendered again. ``is_audited``
    is switched off only for what machines report many times an hour.
    """

    topics: ClassVar[frozenset[str]] = frozenset()
    is_audited: ClassVar[bool] = True

    def payload(self) -> dict[str, str]:
        """The ids the event carries, as text: what a run that reacts to it is given."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: str(value) for name, value in values if isinstance(value, UUID | str | int)}
