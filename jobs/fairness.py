"""Which of the waiting runs are sent next: pure decisions. Round robin over environments, with caps.

What is in flight (sent or running) counts, so a busy environment waits while one with a single run goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from domain.kernel.ledger import Trigger
from domain.tasks.catalogue import Queue, SystemTask

MOST = 2**31
_PER_ENVIRONMENT = MappingProxyType(
    {Queue.INTERACTIVE: 4, Queue.POLL: 4, Queue.PUSH: 2, Queue.BULK: 2, Queue.BACKUP: 1}
)


@dataclass(frozen=True, slots=True)
class Caps:
    """How many runs may be in flight: in one environment by queue, towards one target, and in one queue altogether.

    The last one keeps Redis short; a queue's workers drain it far faster than it fills. ``runs_of`` is what the plan of an
    environment allows over all queues but the interactive one, where somebody waits.
    """

    per_environment: Mapping[Queue, int] = field(default_factory=lambda: _PER_ENVIRONMENT)
    per_target: int = 16
    per_queue: int = 256
    runs_of: Callable[[str], int] = lambda _environment: MOST


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued run that may be sent."""

    run_id: UUID
    environment: str
    task: str
    trigger: str
    not_before: datetime


@dataclass(frozen=True, slots=True)
class InFlight:
    """How many runs of one kind are sent or running."""

    environment: str
    task: str
    trigger: str
    count: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """A run to send, and where to."""

    run_id: UUID
    queue: Queue


def queue_of(task: SystemTask | None, trigger: str) -> Queue:
    """Where a run goes: somebody waits for a pressed RUN. A task nobody knows goes where it is refused quickly."""
    return Queue.INTERACTIVE if task is None or trigger == Trigger.BUTTON else task.queue


def choose(
    waiting: Iterable[Waiting], in_flight: Iterable[InFlight], catalogue: Mapping[str, SystemTask], caps: Caps
) -> list[Chosen]:
    """Choose what is sent now, in the order in which it is sent."""
    room = _Room(catalogue, caps)
    for running in in_flight:
        room.take(running.environment, running.task, running.trigger, running.count)
    rounds: list[tuple[int, datetime, Waiting]] = []
    turns: Counter[tuple[str, Queue]] = Counter(room.of_environment)
    for run in sorted(waiting, key=lambda run: run.not_before):
        place = run.environment, queue_of(catalogue.get(run.task), run.trigger)
        rounds.append((turns[place], run.not_before, run))
        turns[place] += 1
    rounds.sort(key=lambda turn: turn[:2])
    return [
        Chosen(run.run_id, queue_of(catalogue.get(run.task), run.trigger))
        for _, _, run in rounds
        if room.has_place(run) and room.take(run.environment, run.task, run.trigger, 1)
    ]


class _Room:
    """Counts what is in flight against the caps."""

    def __init__(self, catalogue: Mapping[str, SystemTask], caps: Caps) -> None:
        self._catalogue = catalogue
        self._caps = caps
        self.of_environment: Counter[tuple[str, Queue]] = Counter()
        self._of_queue: Counter[Queue] = Counter()
        self._of_target: Counter[str] = Counter()
        self._unawaited: Counter[str] = Counter()

    def has_place(self, run: Waiting) -> bool:
        task = self._catalogue.get(run.task)
        queue = queue_of(task, run.trigger)
        is_awaited = queue is Queue.INTERACTIVE
        return (
            self.of_environment[run.environment, queue] < self._caps.per_environment[queue]
            and (is_awaited or self._unawaited[run.environment] < self._caps.runs_of(run.environment))
            and self._of_queue[queue] < self._caps.per_queue
            and (task is None or task.target is None or self._of_target[task.target] < self._caps.per_target)
        )

    def take(self, environment: str, task_name: str, trigger: str, count: int) -> bool:
        task = self._catalogue.get(task_name)
        queue = queue_of(task, trigger)
        self.of_environment[environment, queue] += count
        self._of_queue[queue] += count
        if queue is not Queue.INTERACTIVE:
            self._unawaited[environment] += count
        if task is not None and task.target is not None:
            self._of_target[task.target] += count
        return True
