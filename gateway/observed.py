"""What is told of every operation, once it is answered: to the log, and to whoever counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from schema.context import Transport
from schema.operations.trust import Trust

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """One operation: a query or mutation that was answered, or a subscription that began.

    ``operation`` is the hash of what was asked; ``name`` is the client's own word. ``outcome`` is ``ok``, or the code of
    the first error. ``seconds`` from the request being understood to its answer. ``is_kept``: nothing ran, the answer was
    one that is kept for guests.
    """

    api: str
    operation: str
    name: str
    kind: str
    trust: Trust
    transport: Transport
    cost: int
    outcome: str
    seconds: float
    is_kept: bool = False


Observe = Callable[[Observed], None]


def log_operation(observed: Observed) -> None:
    """One line of the log."""
    log.info(
        "operation",
        api=observed.api,
        operation=observed.operation[:16],
        name=observed.name,
        kind=observed.kind,
        trust=observed.trust,
        transport=observed.transport,
        cost=observed.cost,
        outcome=observed.outcome,
        seconds=round(observed.seconds, 4),
    )
