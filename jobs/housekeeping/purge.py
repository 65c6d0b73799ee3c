"""The system task Purge: removes after their retention what machines write: runs with their lines, logins that are over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, text

from auth.models import LoginAttempt, LoginRow, OneTimeLink
from domain.captures.models import Capture
from domain.mail.models import Message, MessageState

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.sql.dml import ReturningDelete

    from jobs.context import Attempt, RunContext

RUNS_KEPT = timedelta(days=30)
LOGINS_KEPT = timedelta(days=30)
ATTEMPTS_KEPT = timedelta(days=90)
MAIL_KEPT = timedelta(days=365)
BATCH = 1000

_RUNS = text("""
    delete from platform.task_run where id in (
        select id from platform.task_run
        where environment = :environment and finished_at < clock_timestamp() - cast(:kept as interval)
        limit :batch
    )
""")


async def purge(context: RunContext) -> None:
    """Remove this environment's old rows, its runs in small transactions."""
    runs = await purge_runs(context)
    async with context.work() as work:
        logins = len(await work.rows(_logins_over_by(work.now - LOGINS_KEPT)))
        attempts = len(await work.rows(_attempts_before(work.now - ATTEMPTS_KEPT)))
        mail = len(await work.rows(_mail_before(work.now - MAIL_KEPT)))
        mail += len(await work.rows(_captures_before(work.now - MAIL_KEPT)))
        await work.rows(_links_over_by(work.now - LOGINS_KEPT))
        context.counters.updated = runs + logins + attempts + mail
    context.runlog.info(
        "purged", "What is past its retention was removed.", runs=runs, logins=logins, attempts=attempts, mail=mail
    )


async def purge_runs(context: Attempt) -> int:
    """Remove, of whoever this run is of, the runs that ended long ago; their lines go with them. Returns how many."""
    claim, removed = context.claim, 0
    while True:
        context.check_stopping()
        async with claim.ledger.transaction() as connection:
            values = {"environment": claim.environment, "kept": RUNS_KEPT, "batch": BATCH}
            batch = (await connection.execute(_RUNS, values)).rowcount
        removed += batch
        if batch < BATCH:
            return removed


def _logins_over_by(moment: datetime) -> ReturningDelete[UUID]:
    """Logins that ended or ran out before a moment; nobody is logged in by them any more."""
    is_over = func.least(func.coalesce(LoginRow.ended_at, LoginRow.expires_at), LoginRow.expires_at) < moment
    return delete(LoginRow).where(is_over).returning(LoginRow.id)


def _attempts_before(moment: datetime) -> ReturningDelete[UUID]:
    return delete(LoginAttempt).where(LoginAttempt.at < moment).returning(LoginAttempt.id)


def _mail_before(moment: datetime) -> ReturningDelete[UUID]:
    is_old = Message.created_at < moment, Message.state != MessageState.WAITING
    return delete(Message).where(*is_old).returning(Message.id)


def _captures_before(moment: datetime) -> ReturningDelete[UUID]:
    return delete(Capture).where(Capture.last_at < moment).returning(Capture.id)


def _links_over_by(moment: datetime) -> ReturningDelete[UUID]:
    return delete(OneTimeLink).where(OneTimeLink.expires_at < moment).returning(OneTimeLink.id)
