"""The run ledger's part of a move: what waits is held, goes along, and is done once, in the new cell.

A held run or schedule is due in a thousand years: no worker can claim it and no dispatcher plans it, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

BATCH = 100
"""Runs that follow at once: each may have a thousand lines in its log, and all of them pass through this process."""

_LATER = "interval '9600000 hours'"
_IS_HELD = "> clock_timestamp() + interval '4800000 hours'"
_HOLD = (
    text(
        f"update platform.task_run set not_before = not_before + {_LATER}"  # noqa: S608 - no input
        f" where environment = :role and state = 'queued' and not (not_before {_IS_HELD})"
    ),
    text(
        f"update platform.task_schedule set next_run_at = next_run_at + {_LATER}"  # noqa: S608
        f" where environment = :role and not (next_run_at {_IS_HELD})"
    ),
)
_RELEASE = (
    text(
        f"update platform.task_run set not_before = not_before - {_LATER}"  # noqa: S608
        f" where environment = :role and not_before {_IS_HELD}"
    ),
    text(
        f"update platform.task_schedule set next_run_at = next_run_at - {_LATER}"  # noqa: S608
        f" where environment = :role and next_run_at {_IS_HELD}"
    ),
)
_HELD = text(
    f"select exists (select from platform.task_schedule where environment = :role and next_run_at {_IS_HELD})"  # noqa: S608
    f" or exists (select from platform.task_run where environment = :role and state = 'queued' and not_before {_IS_HELD})"
)
_RUNNING = text(
    "select distinct task from platform.task_run where environment = :role and state = 'running' order by 1"
)
_FORGET = (
    text("delete from platform.task_run where environment = :role"),
    text("delete from platform.task_schedule where environment = :role"),
)
_SCHEDULES = text("select to_jsonb(s) from platform.task_schedule s where environment = :role")
_UNFINISHED = text("select to_jsonb(r) from platform.task_run r where environment = :role and state = 'queued'")
_FINISHED = text("""
    select to_jsonb(r) from platform.task_run r
    where environment = :role and state not in ('queued', 'running') order by id desc limit :batch
""")
_LINES = text("select to_jsonb(l) from platform.task_run_log l where run_id = any(cast(:ids as uuid[])) order by id")
_ADD_SCHEDULES = text("""
    insert into platform.task_schedule
    select * from jsonb_populate_recordset(null::platform.task_schedule, cast(:rows as jsonb)) on conflict do nothing
""")
# Lines have numbers of their database; they come with their run, so that none comes twice.
_ADD_RUNS = text("""
    with made as (
        insert into platform.task_run
        select * from jsonb_populate_recordset(null::platform.task_run, cast(:rows as jsonb)) on conflict do nothing
        returning id
    )
    insert into platform.task_run_log (run_id, environment, at, level, code, message, data)
    select l.run_id, l.environment, l.at, l.level, l.code, l.message, l.data
    from jsonb_populate_recordset(null::platform.task_run_log, cast(:lines as jsonb)) l join made on made.id = l.run_id
    order by l.id
""")
_REMOVE = text("delete from platform.task_run where id = any(cast(:ids as uuid[])) and environment = :role")


async def hold(connection: AsyncConnection, role: str) -> Sequence[str]:
    """Hold everything of an environment that waits in a ledger. Returns the tasks that run still."""
    await _each(connection, _HOLD, role)
    return (await connection.scalars(_RUNNING, {"role": role})).all()


async def is_held(connection: AsyncConnection, role: str) -> bool:
    """Whether anything of an environment is held in a ledger."""
    return bool(await connection.scalar(_HELD, {"role": role}))


async def release(connection: AsyncConnection, role: str) -> None:
    """Make what was held due again at the time it was due."""
    await _each(connection, _RELEASE, role)


async def forget(connection: AsyncConnection, role: str) -> None:
    """Remove everything of an environment from a ledger."""
    await _each(connection, _FORGET, role)


async def bring_waiting(old: AsyncConnection, new: AsyncConnection, role: str, *, to_role: str) -> None:
    """Write what is held in one ledger into another, held there too; what an earlier try wrote is replaced."""
    await forget(new, to_role)
    schedules = (await old.scalars(_SCHEDULES, {"role": role})).all()
    await new.execute(_ADD_SCHEDULES, {"rows": _named(schedules, to_role)})
    await _add(old, new, (await old.scalars(_UNFINISHED, {"role": role})).all(), to_role)


async def bring_finished(old: AsyncConnection, new: AsyncConnection, role: str, *, to_role: str) -> list[str]:
    """The newest finished runs with their lines, a batch of them. Returns their ids; nothing is removed."""
    rows = (await old.scalars(_FINISHED, {"role": role, "batch": BATCH})).all()
    await _add(old, new, rows, to_role)
    return [row["id"] for row in rows]


async def remove(connection: AsyncConnection, role: str, ids: Sequence[str]) -> None:
    """Remove runs of an environment."""
    await connection.execute(_REMOVE, {"ids": list(ids), "role": role})


async def _add(old: AsyncConnection, new: AsyncConnection, rows: Sequence[Any], role: str) -> None:
    if rows:
        lines = (await old.scalars(_LINES, {"ids": [row["id"] for row in rows]})).all()
        await new.execute(_ADD_RUNS, {"rows": _named(rows, role), "lines": _named(lines, role)})


def _named(rows: Sequence[Any], role: str) -> str:
    return orjson.dumps([row | {"environment": role, "sent_at": None} for row in rows]).decode()


async def _each(connection: AsyncConnection, statements: Sequence[Any], role: str) -> None:
    for statement in statements:
        await connection.execute(statement, {"role": role})
