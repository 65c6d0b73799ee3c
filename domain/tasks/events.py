"""What happened to system tasks by somebody's hand. What a run did is in its log, not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event

TOPIC = "system_tasks"
"""The live topic of schedules and runs."""


@dataclass(frozen=True, slots=True)
class TaskRequested(Event):
    """Somebody pressed RUN, and a new run was written."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})

    task: str
    run_id: UUID


@dataclass(frozen=True, slots=True)
class TaskEnabled(Event):
    """A task was switched on."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})

    task: str


@dataclass(frozen=True, slots=True)
class TaskDisabled(Event):
    """A task was switched off."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})

    task: str


@dataclass(frozen=True, slots=True)
class TaskTimed(Event):
    """A daily task got another time of day."""

    topics: ClassVar[frozenset[str]] = frozenset({TOPIC})

    task: str
    at: str
    time_zone: str
