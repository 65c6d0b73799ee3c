"""Carrying out a run: its environment, its fence, its endings; and that nothing of one run gets into the next."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from domain.kernel.actor import Actor
from domain.kernel.ids import uuid7
from domain.lots.errors import LotNotFound
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from jobs import claims, running
from jobs.claims import Claim
from jobs.context import RunContext
from jobs.ledger import Ledger
from jobs.reaper import reap
from jobs.runner import Runner
from jobs.running import ContextLeaked, entered
from jobs.timing import Timing
from opscom.platform import Platform, open_platform
from tenants.environments import Environment, State
from tenants.registry.actions import NewTenant, transition
from tenants.settings import Settings
from tests.fixtures.jobs import QUICK, Desk
from tests.fixtures.platform import MakeTenant
from tests.ports import free_port

READINGS = [Reading("1", "One", 10, 5)]


async def writes(context: RunContext) -> None:
    """A task that writes one row."""
    context.counters.read = 1
    async with context.work() as work:
        await record_readings(work, SensorSource.MISTALL, READINGS)


async def written(desk: Desk, environment: Environment) -> int:
    """How many rows tasks wrote into an environment."""
    snapshot = desk.platform.databases.snapshot(environment, Actor.system())
    count = await snapshot.scalar(select(func.count()).select_from(SensorLot))
    await snapshot.end()
    return count or 0


async def test_a_task_writes_into_the_environment_of_its_run_and_no_other(
    desk: Desk, tenant: Environment, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    desk.define("probe", writes)
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["counters"]["read"]) == ("succeeded", 1)
    assert (await written(desk, tenant), await written(desk, other)) == (1, 0)


async def overtake(desk: Desk) -> None:
    """Take the runs back from whoever carries them out, between two renewals of their leases."""
    while True:
        await desk.execute("update platform.task_run set lease_until = now() - interval '1 s' where state = 'running'")
        if await reap(desk.ledger, timedelta(0)):
            return


async def test_a_second_wake_up_for_a_finished_run_does_nothing(desk: Desk, tenant: Environment) -> None:
    desk.define("probe", writes)
    (run_id,) = await desk.queue(tenant, "probe")
    runner = desk.runner()

    await asyncio.gather(*(runner.run(run_id) for _ in range(5)))
    await runner.run(run_id)

    assert (await desk.run(run_id))["attempt"] == 1


async def test_a_late_write_is_refused_by_the_fence(desk: Desk, tenant: Environment) -> None:
    async def is_overtaken(context: RunContext) -> None:
        await overtake(desk)
        assert await claims.claim(desk.ledger, context.claim.run_id, timedelta(minutes=1))
        await writes(context)

    desk.define("probe", is_overtaken)
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert await written(desk, tenant) == 0
    assert (run["state"], run["attempt"], run["fence"]) == ("running", 2, 2)
    assert [line["code"] for line in await desk.lines(run_id)] == ["lease_expired"]


async def test_a_holder_that_was_reaped_is_told_to_stop(desk: Desk, tenant: Environment) -> None:
    was_cancelled = asyncio.Event()

    async def hangs(_context: RunContext) -> None:
        await overtake(desk)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    desk.define("probe", hangs)
    (run_id,) = await desk.queue(tenant, "probe")
    timing = Timing(lease=timedelta(milliseconds=300))

    await desk.runner(timing=timing).run(run_id)

    assert was_cancelled.is_set()
    assert (await desk.run(run_id))["state"] == "queued"


async def test_a_long_task_keeps_its_lease(desk: Desk, tenant: Environment) -> None:
    """Each time long before it is over, by the whole of it."""
    lease = timedelta(seconds=10)

    async def takes_long(context: RunContext) -> None:
        first = (await desk.run(context.claim.run_id))["lease_until"]

        async def is_kept() -> bool:
            assert await reap(desk.ledger, timedelta(0)) == []
            return bool((await desk.run(context.claim.run_id))["lease_until"] > first + lease / 4)

        await desk.until(is_kept)

    desk.define("probe", takes_long)
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner(timing=Timing(lease=lease)).run(run_id)

    assert (await desk.run(run_id))["state"] == "succeeded"


@pytest.mark.parametrize(
    ("error", "error_class", "state"),
    [
        (ZeroDivisionError("secret of a stack"), "internal_error", "failed"),
        (LotNotFound(), "lot.not_found", "failed"),
        (
            OperationalError("select", {}, __import__("psycopg").OperationalError("gone")),
            "database_unavailable",
            "queued",
        ),
        (TimeoutError("of its own"), "internal_error", "failed"),
        (KeyboardInterrupt(), "internal_error", "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
async def test_whatever_a_task_raises_its_run_ends_with_a_class(
    desk: Desk, tenant: Environment, error: BaseException, error_class: str, state: str
) -> None:
    async def fails(_context: RunContext) -> None:
        raise error

    desk.define("probe", fails)
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["error_class"]) == (state, error_class)
    assert "secret" not in run["error_message"]


async def test_a_task_that_hangs_is_ended_by_its_time_limit(desk: Desk, tenant: Environment) -> None:
    async def hangs(_context: RunContext) -> None:
        await asyncio.sleep(60)

    desk.define("probe", hangs, time_limit=timedelta(milliseconds=200))
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["error_class"]) == ("failed", "time_limit")


async def test_the_runs_of_an_environment_that_is_being_made_wait_for_it(desk: Desk, platform: Platform) -> None:
    """The invitation of its first administrator is written before the last step, and a worker may be quicker."""
    environment_id = await platform.provisioner.register(NewTenant("being-made", "Being Made"), actor="tests")
    await platform.registry.load()
    pending = platform.registry.by_id(environment_id)
    assert pending is not None
    desk.define("probe", writes)
    (run_id,) = await desk.queue(pending, "probe")
    runner = desk.runner()

    await runner.run(run_id)
    waiting = await desk.run(run_id)
    made = await platform.provisioner.provision(environment_id, actor="tests")
    await desk.execute("update platform.task_run set not_before = now() where id = :id", id=run_id)
    await runner.run(run_id)

    assert (waiting["state"], waiting["attempt"]) == ("queued", 0), "waiting is no attempt that failed"
    assert ((await desk.run(run_id))["state"], await written(desk, made)) == ("succeeded", 1)


async def test_a_suspended_environment_has_its_runs_cancelled(
    desk: Desk, platform: Platform, make_tenant: MakeTenant
) -> None:
    environment = await make_tenant()
    desk.define("probe", writes)
    (run_id,) = await desk.queue(environment, "probe")
    async with platform.databases.control().begin() as connection:
        await transition(connection, environment.id, State.SUSPENDED, actor="tests", reason="unpaid")
    await platform.registry.load()

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["error_class"]) == ("cancelled", "environment_inactive")
    assert await written(desk, environment) == 0


async def test_a_worker_that_does_not_know_a_new_environment_yet_asks_the_registry(
    desk: Desk, settings: Settings, make_tenant: MakeTenant
) -> None:
    async with open_platform(settings, follow=False) as behind:
        environment = await make_tenant()
        desk.define("probe", writes)
        (run_id,) = await desk.queue(environment, "probe")
        assert behind.registry.by_role(environment.role) is None

        await Runner(behind, QUICK, desk.catalogue, desk.tasks).run(run_id)

    assert (await desk.run(run_id))["state"] == "succeeded"


async def test_a_run_goes_back_as_it_was_while_nobody_can_say_whether_its_environment_is_active(
    desk: Desk, settings: Settings, tenant: Environment
) -> None:
    """It was left to the reaper, as if the worker had died: the third time ended it."""
    away = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/away")
    (run_id,) = await desk.queue(tenant, "probe")
    async with open_platform(settings.model_copy(update={"database_url": away}), follow=False) as behind:
        platform = replace(desk.platform, registry=behind.registry)
        await Runner(platform, QUICK, desk.catalogue, desk.tasks).run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["error_class"], run["attempt"]) == ("queued", "database_unavailable", 0)


async def test_a_run_of_nobody_is_cancelled(desk: Desk) -> None:
    (run_id,) = await desk.queue("e_of_a_deleted_tenant", "probe")

    await desk.runner().run(run_id)

    run = await desk.run(run_id)
    assert (run["state"], run["error_class"]) == ("cancelled", "environment_unknown")


async def test_a_task_this_version_does_not_know_fails_visibly(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "of_a_later_version")

    await desk.runner().run(run_id)

    assert (await desk.run(run_id))["error_class"] == "task_unknown"


async def test_a_planned_run_is_cancelled_when_its_task_was_switched_off(desk: Desk, tenant: Environment) -> None:
    desk.define("probe", writes)
    await desk.schedule(tenant, "probe")
    await desk.execute("update platform.task_schedule set is_enabled = false")
    planned, pressed = (
        (await desk.queue(tenant, "probe", trigger="schedule"))[0],
        (await desk.queue(tenant, "probe", trigger="button"))[0],
    )
    runner = desk.runner()

    await runner.run(planned)
    await runner.run(pressed)

    assert ((await desk.run(planned))["state"], (await desk.run(planned))["error_class"]) == (
        "cancelled",
        "task_disabled",
    )
    assert (await desk.run(pressed))["state"] == "succeeded"


async def test_progress_is_saved_with_the_rows_it_stands_for(desk: Desk, tenant: Environment) -> None:
    async def two_pages_and_a_crash(context: RunContext) -> None:
        for page in range(int(str(context.progress.get("page", 0))) + 1, 4):
            context.progress["page"] = page
            context.counters.read += 1
            async with context.work() as work:
                await record_readings(work, SensorSource.PARKING_LOGIX, [Reading(f"p{page}", "Page", free=page)])
                if page == 2 and context.claim.attempt == 1:
                    raise OperationalError("insert", {}, __import__("psycopg").OperationalError("gone"))

    desk.define("probe", two_pages_and_a_crash)
    (run_id,) = await desk.queue(tenant, "probe")
    runner = desk.runner()
    await runner.run(run_id)
    halfway = await desk.run(run_id)
    await desk.execute("update platform.task_run set not_before = now()")

    await runner.run(run_id)

    run = await desk.run(run_id)
    assert (halfway["state"], halfway["progress"]) == ("queued", {"page": 1})
    assert (run["state"], run["progress"]) == ("succeeded", {"page": 3})
    assert await written(desk, tenant) == 3


async def test_a_stopping_worker_gives_its_run_back_at_once(desk: Desk, tenant: Environment) -> None:
    began = asyncio.Event()

    async def in_chunks(context: RunContext) -> None:
        while True:
            began.set()
            context.check_stopping()
            await asyncio.sleep(0.01)

    desk.define("probe", in_chunks)
    (run_id,) = await desk.queue(tenant, "probe")
    runner = desk.runner()
    run = asyncio.create_task(runner.run(run_id))
    await began.wait()

    runner.stop.set()
    await run

    row = await desk.run(run_id)
    assert (row["state"], row["attempt"], row["crashes"], row["sent_at"]) == ("queued", 0, 0, None)


async def test_a_task_that_does_not_look_is_taken_down_after_the_grace(desk: Desk, tenant: Environment) -> None:
    began = asyncio.Event()

    async def hangs(_context: RunContext) -> None:
        began.set()
        await asyncio.sleep(60)

    desk.define("probe", hangs)
    (run_id,) = await desk.queue(tenant, "probe")
    runner = desk.runner(timing=Timing(grace=timedelta(milliseconds=100)))
    run = asyncio.create_task(runner.run(run_id))
    await began.wait()

    runner.stop.set()
    await runner.let_finish()
    await run

    row = await desk.run(run_id)
    assert (row["state"], row["attempt"], row["lease_until"]) == ("queued", 0, None)
    assert [line["code"] for line in await desk.lines(run_id)] == ["given_back"]


async def test_a_stopping_worker_takes_no_more_runs(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")
    await desk.execute("update platform.task_run set sent_at = now()")
    runner = desk.runner()
    runner.stop.set()

    await runner.run(run_id)

    row = await desk.run(run_id)
    assert (row["state"], row["sent_at"]) == ("queued", None)


SPILLED: ContextVar[str | None] = ContextVar("spilled", default=None)


async def test_nothing_of_one_run_gets_into_the_next(desk: Desk, tenant: Environment, make_tenant: MakeTenant) -> None:
    seen: list[tuple[Any, ...]] = []

    async def spills(context: RunContext) -> None:
        told = structlog.contextvars.get_contextvars()
        seen.append((SPILLED.get(), told.get("environment"), told.get("left")))
        SPILLED.set(context.environment.role)
        structlog.contextvars.bind_contextvars(left=context.environment.role)

    desk.define("probe", spills)
    other = await make_tenant()
    runner = desk.runner()
    for environment in (tenant, other, tenant):
        (run_id,) = await desk.queue(environment, "probe")
        await runner.run(run_id)

    assert seen == [(None, role, None) for role in (tenant.role, other.role, tenant.role)]
    assert structlog.contextvars.get_contextvars() == {}


def a_claim() -> Claim:
    """A claim of a run that is nowhere."""
    return Claim(Ledger("", None), uuid7(), "e_1", "probe", {}, "event", 1, 0, 1, {}, {}, None, None)  # type: ignore[arg-type]  # never asked


def test_a_run_that_was_not_left_is_noticed_by_the_next_one() -> None:
    def enter_and_stay() -> None:
        # The negative control: a wrapper that forgets to leave, as a middleware that raised would.
        running._ENTERED.set(uuid7())  # noqa: SLF001

    enter_and_stay()
    try:
        with pytest.raises(ContextLeaked), entered(a_claim()):
            pytest.fail("it was let in")
    finally:
        running._ENTERED.set(None)  # noqa: SLF001


def test_a_run_is_left_whatever_happened_in_it() -> None:
    with pytest.raises(ZeroDivisionError), entered(a_claim()):
        raise ZeroDivisionError

    with entered(a_claim()):
        assert structlog.contextvars.get_contextvars()["task"] == "probe"
    assert structlog.contextvars.get_contextvars() == {}


async def test_the_ending_waits_for_a_database_that_is_away(desk: Desk, tenant: Environment) -> None:
    async def cuts_the_lines(_context: RunContext) -> None:
        async with desk.ledger.engine.connect() as own:
            me = await own.scalar(text("select pg_backend_pid()"))
            await own.execute(
                text(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where usename = current_user and pid <> :me"
                ),
                {"me": me},
            )

    desk.define("probe", cuts_the_lines)
    (run_id,) = await desk.queue(tenant, "probe")

    await desk.runner(timing=QUICK).run(run_id)

    assert (await desk.run(run_id))["state"] == "succeeded"
