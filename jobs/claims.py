"""Taking a run, keeping it, and giving it out of hand. All times are the database's, all writes prove the fence.

A claim raises the fence: whoever held the run before can no longer write (see ``proof``), renew or finish it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
from sqlalchemy import text

from domain.kernel.ledger import RunState
from domain.kernel.model import Json

if TYPE_CHECKING:
    from sqlalchemy.engine import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from jobs.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Claim:
    """A run in our hands, as it was when we took it. ``is_enabled`` and ``rule`` are its schedule's, None without one."""

    ledger: Ledger
    run_id: UUID
    environment: str
    task: str
    payload: Json
    trigger: str
    attempt: int
    crashes: int
    fence: int
    progress: Json
    counters: Json
    is_enabled: bool | None
    rule: str | None

    @property
    def failures(self) -> int:
        """How many attempts will have failed if this one does; crashes are counted apart."""
        return self.attempt - self.crashes


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's log, redacted already."""

    at: datetime
    level: str
    code: str
    message: str
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim ends: in a final state, or queued again (``pause`` later). Only one that ``is_counted`` is an attempt."""

    state: RunState
    error_class: str | None = None
    error_message: str | None = None
    pause: timedelta | None = None
    is_counted: bool = True

    @property
    def is_attempt(self) -> bool:
        """Whether this attempt failed and a further one follows; else a queued run is as if nobody had taken it."""
        return self.state is RunState.QUEUED and self.is_counted and self.pause is not None


_CLAIM = text("""
    with claimed as (
        update platform.task_run
        set state = 'running', attempt = attempt + 1, fence = fence + 1, started_at = clock_timestamp(),
            lease_until = clock_timestamp() + :lease, error_class = null, error_message = null
        where id = :id and state = 'queued' and not_before <= clock_timestamp()
        returning *
    )
    select r.*, s.is_enabled, s.rule
    from claimed r left join platform.task_schedule s on s.environment = r.environment and s.task = r.task
""")
_HELD = "where id = :id and fence = :fence and state = 'running'"
_RENEW = text(f"update platform.task_run set lease_until = clock_timestamp() + :lease {_HELD}")  # noqa: S608 - no input
_FINISH = text(f"""
    update platform.task_run
    set state = :state, finished_at = clock_timestamp(), lease_until = null,
        error_class = :error_class, error_message = :error_message,
        progress = cast(:progress as jsonb), counters = cast(:counters as jsonb)
    {_HELD}
    returning exists(
        select from platform.task_run q where q.environment = task_run.environment and q.state = 'queued'
    )
""")  # noqa: S608
_RETURN = text(f"""
    update platform.task_run
    set state = 'queued', sent_at = null, lease_until = null, not_before = clock_timestamp() + :pause,
        attempt = attempt - :forgiven, error_class = :error_class, error_message = :error_message,
        progress = cast(:progress as jsonb), counters = cast(:counters as jsonb)
    {_HELD}
    returning true
""")  # noqa: S608
_LOG = text("""
    insert into platform.task_run_log (run_id, environment, at, level, code, message, data)
    select r.id, r.environment, l.at, l.level, l.code, l.message, l.data
    from platform.task_run r, rows from (
        jsonb_to_recordset(cast(:lines as jsonb)) as (at timestamptz, level text, code text, message text, data jsonb)
    ) with ordinality as l(at, level, code, message, data, nr)
    where r.id = :id and r.fence = :fence
    order by l.nr
""")


async def claim(ledger: Ledger, run_id: UUID, lease: timedelta) -> Claim | None:
    """Take a queued run that is due. None: it is not here, not due, or somebody else's; the message is done with."""
    async with ledger.transaction() as connection:
        row = (await connection.execute(_CLAIM, {"id": run_id, "lease": lease})).mappings().one_or_none()
    return None if row is None else _read(ledger, row)


async def renew(claim: Claim, lease: timedelta) -> bool:
    """Keep the run for another lease. False: it is not ours any more."""
    async with claim.ledger.transaction() as connection:
        result = await connection.execute(_RENEW, {"id": claim.run_id, "fence": claim.fence, "lease": lease})
        return result.rowcount == 1


async def log(claim: Claim, lines: Sequence[LogLine]) -> None:
    """Write log lines of the run. Those of a lost claim go nowhere."""
    async with claim.ledger.transaction() as connection:
        await _write_lines(connection, claim, lines)


async def end(claim: Claim, ending: Ending, *, progress: Json, counters: Json, lines: Sequence[LogLine]) -> bool:
    """Give the run out of hand with its last log lines, progress and counters, in one transaction.

    ``ending.state`` QUEUED with a pause is a further attempt; without one it is as if this attempt had never been.
    Returns whether the environment has more runs that wait. A lost claim changes nothing.
    """
    values: dict[str, object] = {
        "id": claim.run_id,
        "fence": claim.fence,
        "error_class": ending.error_class,
        "error_message": ending.error_message,
        "progress": _json(progress),
        "counters": _json(counters),
    }
    if ending.state is RunState.QUEUED:
        statement = _RETURN
        values |= {"pause": ending.pause or timedelta(0), "forgiven": 0 if ending.is_attempt else 1}
    else:
        statement = _FINISH
        values["state"] = ending.state.value
    async with claim.ledger.transaction() as connection:
        await _write_lines(connection, claim, lines)
        return bool(await connection.scalar(statement, values))


async def unsend(ledger: Ledger, run_ids: Sequence[UUID]) -> None:
    """Forget that messages were sent for these runs, so that the dispatcher sends them again at once."""
    statement = text("update platform.task_run set sent_at = null where id = any(:ids) and state = 'queued'")
    async with ledger.transaction() as connection:
        await connection.execute(statement, {"ids": list(run_ids)})


async def _write_lines(connection: AsyncConnection, claim: Claim, lines: Sequence[LogLine]) -> None:
    if lines:
        rows = orjson.dumps(list(lines)).decode()
        await connection.execute(_LOG, {"id": claim.run_id, "fence": claim.fence, "lines": rows})


def _read(ledger: Ledger, row: RowMapping) -> Claim:
    names = ("environment", "task", "payload", "trigger", "attempt", "crashes", "fence", "progress", "counters")
    values = {name: row[name] for name in names}
    return Claim(ledger=ledger, run_id=row["id"], is_enabled=row["is_enabled"], rule=row["rule"], **values)


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()
