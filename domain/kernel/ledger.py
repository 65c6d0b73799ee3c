"""Tables of the run ledger in the ``platform`` schema of a cell, and the states of a run.

``environment`` holds the name of the environment's database role, which row-level security compares with the current
role: an environment sees and inserts its own rows only. Only ids may be in a payload, never a secret, code or link.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Json, PlatformModel


class RunState(StrEnum):
    """Where a run stands. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISSED = "missed"


class Trigger(StrEnum):
    """Why a run exists: its schedule, the RUN button, or an event of a ``Work``."""

    SCHEDULE = "schedule"
    BUTTON = "button"
    EVENT = "event"


UNFINISHED = (RunState.QUEUED, RunState.RUNNING)


class TaskSchedule(Identified, PlatformModel):
    """When a task of an environment is due. ``rule`` is ``every <seconds>`` or a cron expression in ``time_zone``."""

    __tablename__ = "task_schedule"
    __table_args__ = (
        Index("task_schedule_environment_task_uq", "environment", "task", unique=True),
        Index("task_schedule_next_run_at_ix", "next_run_at", postgresql_where=text("is_enabled")),
    )

    environment: Mapped[str]
    task: Mapped[str]
    rule: Mapped[str]
    time_zone: Mapped[str]
    is_enabled: Mapped[bool]
    next_run_at: Mapped[datetime | None]


class TaskRun(Identified, PlatformModel):
    """One run of a task, and at the same time the outbox entry that causes it.

    ``concurrency_key`` allows one unfinished run for each (environment, task, key). ``fence`` rises with each claim; the
    holder of an older one can no longer write. ``not_before`` is when the next attempt is due.
    """

    __tablename__ = "task_run"
    __table_args__ = (
        Index(
            "task_run_unfinished_uq",
            "environment",
            "task",
            "concurrency_key",
            unique=True,
            postgresql_where=text("state in ('queued', 'running') and concurrency_key is not null"),
        ),
        Index("task_run_due_ix", "environment", "task", "not_before", postgresql_where=text("state = 'queued'")),
        Index("task_run_sent_at_ix", "sent_at", postgresql_where=text("state = 'queued' and sent_at is not null")),
        Index("task_run_lease_until_ix", "lease_until", postgresql_where=text("state = 'running'")),
        Index("task_run_environment_task_ix", "environment", "task", "created_at"),
        CheckConstraint(
            "state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'missed')", name="state_known"
        ),
    )

    environment: Mapped[str]
    task: Mapped[str]
    payload: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    concurrency_key: Mapped[str | None]
    trigger: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    crashes: Mapped[int] = mapped_column(server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[datetime | None]
    progress: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    counters: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    error_class: Mapped[str | None]
    error_message: Mapped[str | None]


class TaskRunLog(PlatformModel):
    """One log line of a run; ``data`` is redacted before it comes here."""

    __tablename__ = "task_run_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("platform.task_run.id", ondelete="CASCADE"), index=True)
    environment: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    level: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    data: Mapped[Json] = mapped_column(server_default=text("'{}'"))
