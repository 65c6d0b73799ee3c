"""The platform's own tasks: pure data, and how a run of one is written. Their runs lie in the registry's own ledger.

They are carried out in no environment: what they work on is a row of the registry, whose id is their payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.kernel.ids import uuid7
from domain.kernel.ledger import UNFINISHED, TaskRun, TaskSchedule, Trigger
from domain.tasks.catalogue import Queue, Section, Switch, SystemTask
from domain.tasks.schedules import schedules_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

TIME_ZONE = "America/Toronto"


def _task(name: str, title: str, description: str, *, rule: str = "", queue: Queue = Queue.BULK) -> SystemTask:
    return SystemTask(
        name=name,
        title=title,
        description=description,
        rule=rule,
        queue=queue,
        switch=Switch.NOBODY,
        is_enabled_at_start=bool(rule),
        section=Section.RECURRING if rule else Section.ONE_TIME,
        late_by=timedelta(hours=12) if rule else None,
        time_limit=timedelta(hours=2),
    )


COPY = _task("copy", "Copy", "Refreshes a preview space, restores an environment or moves it to another cell.")
DELETE = _task("delete", "Delete", "Deletes an environment, or a tenant with everything that is kept of it.")
DELETE_ENVIRONMENT = _task("delete_environment", "Delete Environment", "Deletes one environment of a tenant for ever.")
EXPIRE_PREVIEWS = _task(
    "expire_previews",
    "Remove Expired Previews",
    "Warns of previews that nobody uses, and deletes them after seven days or on their date.",
    rule="every 3600",
)
VERIFY_BACKUPS = _task(
    "verify_backups",
    "Verify Backups",
    "Restores a backup of the environment whose last proof is the oldest, and drops it again.",
    rule="cron 0 4 * * *",
    queue=Queue.BACKUP,
)
EXPORT = _task("export", "Export", "Exports a tenant's production into the storage of backups, for staff to fetch.")
VERIFY_BACKUP = _task(
    "verify_backup",
    "Verify Backup",
    "Restores one backup into a schema that nobody sees, and drops it again.",
    queue=Queue.BACKUP,
)
RESEAL = _task("reseal", "Reseal", "Seals the secrets of all environments with their tenants' newest data keys.")
SWEEP = _task(
    "sweep",
    "Sweep",
    "Removes what dead processes left, ends copies that nobody carries out, and forgets the platform's own runs after 30 days.",
    rule="cron 30 4 * * *",
)

AUDIT = _task(
    "audit",
    "Audit Schemas",
    "Compares every schema with the migrations, and looks for what leans on another tenant's schema.",
    rule="cron 0 5 * * *",
)

VERIFY_DOMAINS = _task(
    "verify_domains",
    "Verify Domains",
    "Looks whether the DNS of clients' own domains is still right, and gives up those that stayed wrong for a week.",
    rule="cron 0 6 * * *",
)

VERIFY_MAIL_DOMAINS = _task(
    "verify_mail_domains",
    "Verify Mail Domains",
    "Looks whether the DNS of domains that clients' mail comes from is right, and uses those only where it is.",
    rule="cron 15 6 * * *",
)
REMIND_OF_TRIALS = _task(
    "remind_of_trials",
    "Remind of Trials",
    "Reminds clients every two weeks of features that they try in the preview and have not decided about.",
    rule="cron 0 9 * * *",
)

PLATFORM_TASKS: Mapping[str, SystemTask] = MappingProxyType(
    {
        task.name: task
        for task in (
            COPY,
            DELETE,
            DELETE_ENVIRONMENT,
            EXPIRE_PREVIEWS,
            EXPORT,
            VERIFY_BACKUP,
            VERIFY_BACKUPS,
            RESEAL,
            SWEEP,
            AUDIT,
            VERIFY_DOMAINS,
            VERIFY_MAIL_DOMAINS,
            REMIND_OF_TRIALS,
        )
    }
)
"""All of them by name. A client never sees them; their names differ from those of the catalogue."""


def ledger_name(database: str) -> str:
    """The name under which the platform's own rows stand in the ledger of the registry's database: its login's."""
    return f"{database}_control"


async def enqueue(connection: AsyncConnection, name: str, task: SystemTask, key: UUID) -> UUID:
    """Write a run in the transaction of what it is about: the row of the registry with the id ``key``. Returns its id."""
    run_id = uuid7()
    values = {"id": run_id, "environment": name, "task": task.name, "payload": {"id": str(key)}}
    await connection.execute(insert(TaskRun).values(**values, concurrency_key=str(key), trigger=Trigger.EVENT))
    return run_id


async def enqueue_once(connection: AsyncConnection, name: str, task: SystemTask, key: UUID) -> UUID:
    """The same, unless one for ``key`` is unfinished already: then its id is the answer."""
    r, values = TaskRun, {"id": uuid7(), "environment": name, "task": task.name, "payload": {"id": str(key)}}
    run = upsert(r).values(**values, concurrency_key=str(key), trigger=Trigger.EVENT).on_conflict_do_nothing()
    written: UUID | None = await connection.scalar(run.returning(r.id))
    if written is not None:
        return written
    same = (r.environment == name, r.task == task.name, r.concurrency_key == str(key))
    unfinished: UUID | None = await connection.scalar(select(r.id).where(*same, r.state.in_(UNFINISHED)))
    return unfinished or await enqueue(connection, name, task, key)


async def add_schedules(connection: AsyncConnection, name: str, now: datetime) -> None:
    """Write the schedules of the platform's recurring tasks; what is there stays as it is."""
    tasks = [task for task in PLATFORM_TASKS.values() if task.rule]
    columns = [column.key for column in TaskSchedule.__table__.columns]
    rows = [{key: getattr(row, key) for key in columns} for row in schedules_of(tasks, name, TIME_ZONE, now)]
    await connection.execute(upsert(TaskSchedule).values(rows).on_conflict_do_nothing())
