"""Expire Permits and Purge: what is over is marked or removed, everything else stays, other tenants' too."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping, select

from auth.models import LoginAttempt, LoginRow, LoginSourceRow
from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.lots import actions as lots
from domain.mail.models import Message
from domain.permits import actions as permits
from domain.permits.models import Permit, PermitKind
from domain.users.models import User
from jobs.housekeeping.purge import BATCH
from tenants.databases import REGISTRY
from tenants.environments import Environment
from tenants.platform_tasks import ledger_name
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant

OLD = utc_now() - timedelta(days=100)


def login(user_id: UUID, source_id: UUID, *, ended_at: datetime | None, expires_at: datetime) -> LoginRow:
    """A login that ended, ran out, or neither."""
    return LoginRow(
        id=uuid7(),
        token_hash=os.urandom(32),
        user_id=user_id,
        source_id=source_id,
        portal="admin",
        access_version=1,
        created_at=OLD,
        last_seen_at=OLD,
        idle_seconds=3600,
        expires_at=expires_at,
        ended_at=ended_at,
        address="127.0.0.1",
        user_agent="test",
    )


def attempt(at: datetime) -> LoginAttempt:
    """A try to log in."""
    return LoginAttempt(
        id=uuid7(), at=at, source="local", portal="admin", reason="no_such_user", address="127.0.0.1", user_agent="test"
    )


async def done(desk: Desk, environment: Environment, task: str) -> RowMapping:
    """The run of one press of RUN."""
    requested = await desk.press(environment, task)
    await desk.runner().run(requested.run_id)
    run = await desk.run(requested.run_id)
    assert run["state"] == "succeeded", run["error_message"]
    return run


async def test_permits_whose_time_is_over_are_marked_and_no_others(desk: Desk, tenant: Environment) -> None:
    now = utc_now()
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        lot = await lots.create(work, "North Lot", "North", temporary_maximum=5)
        over = await permits.issue(
            work,
            lot,
            PermitKind.TEMPORARY,
            "OVER",
            starts_at=now - timedelta(hours=2),
            ends_at=now - timedelta(hours=1),
        )
        valid = await permits.issue(
            work,
            lot,
            PermitKind.TEMPORARY,
            "VALID",
            starts_at=now - timedelta(hours=2),
            ends_at=now + timedelta(hours=1),
        )

    run = await done(desk, tenant, "expire_permits")

    snapshot = desk.platform.databases.snapshot(tenant, Actor.system())
    states = {permit.id: permit.state for permit in await snapshot.scalars(select(Permit))}
    await snapshot.end()
    assert states == {over: "expired", valid: "issued"}
    assert run["counters"]["updated"] == 1


async def test_old_runs_go_with_their_lines_and_new_and_foreign_ones_stay(
    desk: Desk, tenant: Environment, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    await desk.queue(tenant, "update_mistall", BATCH + 10, state="succeeded", finished_at=OLD)
    (fresh,) = await desk.queue(tenant, "update_mistall", state="failed", finished_at=utc_now())
    (unfinished,) = await desk.queue(tenant, "expire_permits", created_at=OLD)
    (foreign,) = await desk.queue(other, "update_mistall", state="succeeded", finished_at=OLD)

    run = await done(desk, tenant, "purge")

    assert {row["id"] for row in await desk.runs()} == {fresh, unfinished, foreign, run["id"]}
    assert run["counters"]["updated"] == BATCH + 10


async def test_the_platforms_own_runs_go_too(desk: Desk, tenant: Environment) -> None:
    """No environment's Purge is theirs: they stayed for ever."""
    name = ledger_name(desk.platform.databases.database_name(REGISTRY))
    for owner in (name, tenant.role):
        await desk.queue(owner, "sweep", BATCH + 5, state="succeeded", finished_at=OLD)
    (recent,) = await desk.queue(name, "sweep", state="succeeded", finished_at=utc_now())
    (run_id,) = await desk.queue(name, "sweep")

    await desk.runner().run(run_id)

    left = await desk.rows("select id from platform.task_run where environment = :name order by id", name=name)
    assert [row["id"] for row in left] == [recent, run_id]
    assert len(await desk.runs(tenant)) == BATCH + 5


async def test_logins_that_are_over_go_and_valid_ones_stay(desk: Desk, tenant: Environment) -> None:
    now = utc_now()
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        source = (await work.scalars(select(LoginSourceRow.id)))[0]
        user = User(id=uuid7(), name="Ann Admin", user_name="ann", user_name_key="ann", created_at=OLD)
        work.add(user)
        await work.flush()
        ended = login(user.id, source, ended_at=OLD, expires_at=now + timedelta(days=1))
        ran_out = login(user.id, source, ended_at=None, expires_at=OLD)
        valid = login(user.id, source, ended_at=None, expires_at=now + timedelta(days=1))
        for row in (ended, ran_out, valid, attempt(OLD), attempt(now)):
            work.add(row)
        valid_id = valid.id

    run = await done(desk, tenant, "purge")

    snapshot = desk.platform.databases.snapshot(tenant, Actor.system())
    assert await snapshot.scalars(select(LoginRow.id)) == [valid_id]
    assert len(await snapshot.scalars(select(LoginAttempt.id))) == 1
    await snapshot.end()
    assert run["counters"]["updated"] == 3


async def test_mail_of_more_than_a_year_ago_goes_unless_it_still_waits(desk: Desk, tenant: Environment) -> None:
    year = utc_now() - timedelta(days=366)
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        user = User(id=uuid7(), name="Ann Admin", user_name="ann", user_name_key="ann", created_at=OLD)
        work.add(user)
        await work.flush()
        for state, at in (("sent", year), ("waiting", year), ("sent", OLD)):
            work.add(Message(kind="invitation", user_id=user.id, state=state, created_at=at))

    run = await done(desk, tenant, "purge")

    async with desk.platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        assert sorted(await snapshot.scalars(select(Message.state))) == ["sent", "waiting"]
    assert run["counters"]["updated"] == 1
