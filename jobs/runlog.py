"""The log of one run: lines are redacted here, kept for a moment and written in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from jobs.claims import Claim, LogLine
from jobs.claims import log as write
from jobs.ledger import OUTAGES

if TYPE_CHECKING:
    from domain.kernel.clock import Clock
    from domain.kernel.model import Json

process_log = structlog.get_logger(__name__)

Fact = str | int | float | bool | None | UUID | timedelta

LONGEST_TEXT = 300
MOST_LINES = 1000
_SHOWN = """
    attempt attempts call calls connection count created failed feature field group groups host logins lot lots mail name
    people permits position read reason removed retry_in_s runs seconds skipped source status tables unchanged unmatched
    updated vanished
"""
ALLOWED = frozenset(_SHOWN.split())
"""Only these facts are written; a new one is added here on purpose, so that no key or password slips through by name."""
HIDDEN = "(hidden)"


@dataclass(slots=True)
class RunLog:
    """Collects the lines of a claim. ``flush`` writes what was collected; the last ones are written with the ending."""

    claim: Claim
    clock: Clock
    _waiting: list[LogLine] = field(default_factory=list)
    _count: int = 0

    def info(self, code: str, message: str, **facts: Fact) -> None:
        """A line about what was done."""
        self._add("info", code, message, facts)

    def warning(self, code: str, message: str, **facts: Fact) -> None:
        """A line about what somebody should look at."""
        self._add("warning", code, message, facts)

    def error(self, code: str, message: str, **facts: Fact) -> None:
        """A line about what went wrong."""
        self._add("error", code, message, facts)

    def take(self) -> list[LogLine]:
        """The lines not written yet; they are the caller's now."""
        lines, self._waiting = self._waiting, []
        return lines

    async def flush_every(self, pause: timedelta, ended: asyncio.Event) -> None:
        """Write what was collected at each interval, until the run ended. While the database is away lines are kept.

        It is never cancelled: lines in the middle of being written would be lost, or written twice.
        """
        while not ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await ended.wait()
                return
            await self._flush()

    async def _flush(self) -> None:
        lines = self.take()
        if not lines:
            return
        try:
            await write(self.claim, lines)
        except OUTAGES as error:
            process_log.warning("run_log_unwritten", error=repr(error))
            self._waiting[:0] = lines

    def _add(self, level: str, code: str, message: str, facts: Mapping[str, Fact]) -> None:
        self._count += 1
        if self._count > MOST_LINES:
            return
        if self._count == MOST_LINES:
            level, code, message, facts = "warning", "log_full", "Further lines of this run are left out.", {}
        self._waiting.append(LogLine(self.clock(), level, code, clean(message), redacted(facts)))


def redacted(facts: Mapping[str, Fact]) -> Json:
    """The facts as a log may show them: allowed names only, texts cut."""
    return {name: _plain(value) if name in ALLOWED else HIDDEN for name, value in facts.items()}


def clean(text: str) -> str:
    """Text of anybody as the database takes it: no NUL, no half characters, cut."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:LONGEST_TEXT]


def _plain(value: Fact) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str | UUID):
        return clean(str(value))
    return value.total_seconds() if isinstance(value, timedelta) else value
