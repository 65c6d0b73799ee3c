"""Taking a run, keeping it, giving it out of hand, and what a late holder can no longer do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain.kernel.clock import utc_now
from domain.kernel.ids import uuid7
from domain.kernel.ledger import RunState
from jobs import claims
from jobs.claims import Claim, Ending, LogLine
from jobs.reaper import CRASHES_ALLOWED, reap
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.platform_tasks import COPY, SWEEP, ledger_name
from tests.fixtures.jobs import Desk

LEASE = timedelta(seconds=30)
EXPIRED = timedelta(seconds=-1)
DONE = Ending(RunState.SUCCEEDED)


async def claimed(desk: Desk, run_id: UUID, lease: timedelta = LEASE) -> Claim:
    """The claim of a run that nobody has."""
    found = await claims.claim(desk.ledger, run_id, lease)
    assert found is not None
    return found


async def end(claim: Claim, ending: Ending, *lines: LogLine) -> bool:
    """Give a run out of hand with nothing noted."""
    return await claims.end(claim, ending, progress={}, counters={}, lines=lines)


async def test_a_run_is_taken_once(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")

    taken = await asyncio.gather(*(claims.claim(desk.ledger, run_id, LEASE) for _ in range(10)))

    (claim,) = [claim for claim in taken if claim is not None]
    assert (claim.environment, claim.task, claim.attempt, claim.fence) == (tenant.role, "probe", 1, 1)
    row = await desk.run(run_id)
    assert row["state"] == "running"
    assert abs(row["lease_until"] - row["started_at"] - LEASE) < timedelta(seconds=5)


async def test_a_run_that_is_not_due_is_left_alone(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe", not_before=utc_now() + timedelta(minutes=1))

    assert await claims.claim(desk.ledger, run_id, LEASE) is None
    assert await claims.claim(desk.ledger, uuid7(), LEASE) is None
    assert (await desk.run(run_id))["state"] == "queued"


async def test_a_holder_keeps_its_run_and_ends_it_with_what_it_did(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")
    claim = await claimed(desk, run_id, timedelta(seconds=1))
    line = LogLine(utc_now(), "info", "done", "Everything was done.", {"count": 3})

    kept = await claims.renew(claim, LEASE)
    await claims.end(claim, DONE, progress={"page": 4}, counters={"read": 3}, lines=[line, replace(line, code="bye")])

    row = await desk.run(run_id)
    assert kept
    assert (row["state"], row["progress"], row["counters"]) == ("succeeded", {"page": 4}, {"read": 3})
    assert row["finished_at"] is not None
    assert row["lease_until"] is None
    assert [(line["code"], line["data"], line["environment"]) for line in await desk.lines(run_id)] == [
        ("done", {"count": 3}, tenant.role),
        ("bye", {"count": 3}, tenant.role),
    ]


async def test_a_lost_holder_can_neither_renew_nor_log_nor_end(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")
    late = await claimed(desk, run_id, EXPIRED)
    await reap(desk.ledger, timedelta(0))
    now = await claimed(desk, run_id)

    renewed = await claims.renew(late, LEASE)
    await claims.log(late, [LogLine(utc_now(), "info", "late", "I am late.")])
    await end(late, Ending(RunState.FAILED, "late", "I am late."), LogLine(utc_now(), "info", "late", "I am late."))

    row = await desk.run(run_id)
    assert not renewed
    assert (row["state"], row["fence"], row["error_class"]) == ("running", now.fence, None)
    assert [line["code"] for line in await desk.lines(run_id)] == ["lease_expired"]


async def test_a_further_attempt_is_due_after_its_pause_and_unsent(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe", sent_at=utc_now())
    claim = await claimed(desk, run_id)

    await end(claim, Ending(RunState.QUEUED, "vendor_timeout", "No answer.", timedelta(minutes=1)))

    row = await desk.run(run_id)
    assert (row["state"], row["attempt"], row["sent_at"]) == ("queued", 1, None)
    assert row["error_class"] == "vendor_timeout"
    assert row["not_before"] > utc_now() + timedelta(seconds=50)
    assert await claims.claim(desk.ledger, run_id, LEASE) is None


async def test_a_run_given_back_is_as_if_it_had_never_been_tried(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe", sent_at=utc_now())

    await end(await claimed(desk, run_id), Ending(RunState.QUEUED))
    again = await claimed(desk, run_id)

    assert (again.attempt, again.failures, again.fence) == (1, 1, 2)


async def test_the_ending_tells_whether_the_environment_has_more_to_do(desk: Desk, tenant: Environment) -> None:
    first, second = await desk.queue(tenant, "probe", 2)

    assert await end(await claimed(desk, first), DONE)
    assert not await end(await claimed(desk, second), DONE)


async def test_an_expired_lease_goes_back_into_the_queue(desk: Desk, tenant: Environment) -> None:
    lost, kept = await desk.queue(tenant, "probe", 2, sent_at=utc_now())
    await claimed(desk, lost, EXPIRED)
    await claimed(desk, kept)

    reaped = await reap(desk.ledger, timedelta(0))

    assert [(run.run_id, run.state) for run in reaped] == [(lost, RunState.QUEUED)]
    row = await desk.run(lost)
    assert (row["state"], row["crashes"], row["sent_at"], row["lease_until"]) == ("queued", 1, None, None)
    assert (await desk.run(kept))["state"] == "running"


async def test_the_third_crash_ends_a_run(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")
    for _ in range(CRASHES_ALLOWED + 1):
        await claimed(desk, run_id, EXPIRED)
        await reap(desk.ledger, timedelta(0))

    row = await desk.run(run_id)
    assert (row["state"], row["error_class"], row["crashes"]) == ("failed", "crashed", 3)
    assert row["finished_at"] is not None
    assert await claims.claim(desk.ledger, run_id, LEASE) is None
    assert [line["code"] for line in await desk.lines(run_id)] == ["lease_expired"] * 3


@pytest.mark.parametrize(("task", "swept"), [(COPY.name, 1), ("probe", 0)])
async def test_what_a_copy_left_that_killed_three_workers_is_swept_at_once(
    desk: Desk, platform: Platform, task: str, swept: int
) -> None:
    """A move held its environment closed to writers until the sweep of the night."""
    name = ledger_name(platform.databases.database_name(""))
    (run_id,) = await desk.queue(name, task)
    for number in range(CRASHES_ALLOWED + 1):
        assert await _sweeps(desk) == 0, f"after {number} crashes"
        await claimed(desk, run_id, EXPIRED)
        await reap(desk.ledger, timedelta(0))

    assert (await desk.run(run_id))["state"] == "failed"
    assert await _sweeps(desk) == swept


async def _sweeps(desk: Desk) -> int:
    return len(await desk.rows("select id from platform.task_run where task = :task", task=SWEEP.name))


async def test_a_crash_is_no_failed_attempt(desk: Desk, tenant: Environment) -> None:
    (run_id,) = await desk.queue(tenant, "probe")
    await claimed(desk, run_id, EXPIRED)
    await reap(desk.ledger, timedelta(0))

    claim = await claimed(desk, run_id)

    assert (claim.attempt, claim.crashes, claim.failures) == (2, 1, 1)


async def test_two_reapers_take_a_run_back_once(desk: Desk, tenant: Environment) -> None:
    for run_id in await desk.queue(tenant, "probe", 20):
        await claimed(desk, run_id, EXPIRED)

    reaped = await asyncio.gather(*(reap(desk.ledger, timedelta(0)) for _ in range(4)))

    assert sum(map(len, reaped)) == 20
    assert {row["crashes"] for row in await desk.runs(tenant)} == {1}


async def test_unsent_runs_are_sent_again_and_running_ones_are_not(desk: Desk, tenant: Environment) -> None:
    waiting, running = await desk.queue(tenant, "probe", 2, sent_at=utc_now())
    await claimed(desk, running)

    await claims.unsend(desk.ledger, [waiting, running])

    assert (await desk.run(waiting))["sent_at"] is None
    assert (await desk.run(running))["sent_at"] is not None


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "missed"])
async def test_a_run_that_ended_is_never_taken_again(desk: Desk, tenant: Environment, state: str) -> None:
    (run_id,) = await desk.queue(tenant, "probe", state=state)

    assert await claims.claim(desk.ledger, run_id, LEASE) is None
