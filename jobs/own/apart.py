"""One tenant after the other: what goes wrong with one holds up no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from jobs.faults import Fault, Stopping

if TYPE_CHECKING:
    from jobs.context import PlatformContext

log = structlog.get_logger(__name__)


class PartFailed(Fault):
    """Something could not be done for some tenants; for all others it is."""

    error_class = "part_failed"
    is_passing = True


@dataclass(slots=True)
class Apart:
    """What failed so far of a task that looks after many tenants."""

    context: PlatformContext
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def each(self, name: str) -> Iterator[None]:
        """Around what is done for one of them. Raises Stopping before it begins, when the worker is to stop."""
        self.context.check_stopping()
        try:
            yield
        except Stopping:
            raise
        except Exception as error:
            log.exception("part_failed", name=name)
            self.context.counters.failed += 1
            words, reason = "It could not be done for one, which holds up no other.", type(error).__name__
            self.context.runlog.error("part_failed", words, name=name, reason=reason)
            self.failed.append(name)

    def end(self) -> None:
        """After the last one. Raises PartFailed, so that the run is tried again for those that failed."""
        if self.failed:
            msg = f"It could not be done for {len(self.failed)}; the others are done."
            raise PartFailed(msg)
