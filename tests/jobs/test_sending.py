"""From queued runs to wake-ups: what is sent, when it is sent again, and that two dispatchers never send the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from domain.kernel.clock import utc_now
from domain.kernel.ledger import RunState
from jobs import claims
from jobs.fairness import Caps, Chosen
from jobs.sending import mark_next
from tenants.environments import Environment
from tests.fixtures.jobs import Desk, task_called

CATALOGUE = {"poll": task_called("poll"), "import": task_called("import")}
SOON = timedelta(seconds=20)
WIDE = Caps(per_environment=dict.fromkeys(Caps().per_environment, 50))


async def sent(desk: Desk, caps: Caps = WIDE, resend_after: timedelta = SOON) -> list[UUID]:
    """The runs that a dispatcher sends now."""
    return [run.run_id for run in await mark_next(desk.ledger, CATALOGUE, caps, resend_after)]


async def test_each_waiting_run_is_sent_once(desk: Desk, tenant: Environment) -> None:
    runs = await desk.queue(tenant, "poll", 3) + await desk.queue(tenant, "import", 2)
    await desk.queue(tenant, "poll", not_before=utc_now() + timedelta(minutes=1))
    await desk.queue(tenant, "poll", state="succeeded")

    assert sorted(await sent(desk)) == sorted(runs)
    assert await sent(desk) == []


async def test_a_lost_wake_up_is_sent_again_after_a_while(desk: Desk, tenant: Environment) -> None:
    runs = await desk.queue(tenant, "poll", 2)
    await sent(desk)

    assert await sent(desk, resend_after=timedelta(minutes=1)) == []
    assert sorted(await sent(desk, resend_after=timedelta(0))) == sorted(runs)


async def test_an_unsent_run_is_sent_again_at_once(desk: Desk, tenant: Environment) -> None:
    runs = await desk.queue(tenant, "poll", 2)
    await sent(desk)

    await claims.unsend(desk.ledger, runs)

    assert sorted(await sent(desk)) == sorted(runs)


async def test_running_runs_hold_their_environments_places(desk: Desk, tenant: Environment) -> None:
    runs = await desk.queue(tenant, "poll", 6)
    first = await sent(desk, Caps())
    await claims.claim(desk.ledger, first[0], SOON)

    assert len(first) == 4
    assert await sent(desk, Caps(), resend_after=timedelta(minutes=1)) == []
    claim = await claims.claim(desk.ledger, first[1], SOON)
    assert claim is not None
    await claims.end(claim, claims.Ending(RunState.SUCCEEDED), progress={}, counters={}, lines=[])
    assert await sent(desk, Caps(), resend_after=timedelta(minutes=1)) == [runs[4]]


async def test_two_dispatchers_never_send_the_same(desk: Desk, tenant: Environment) -> None:
    await desk.queue(tenant, "poll", 40)

    async def look_often() -> list[Chosen]:
        found = []
        for _ in range(10):
            found += await mark_next(
                desk.ledger, CATALOGUE, Caps(per_environment=WIDE.per_environment, per_queue=5), SOON
            )
        return found

    both = [run.run_id for found in await asyncio.gather(look_often(), look_often()) for run in found]

    assert len(both) == len(set(both)) == 5


async def test_a_row_in_another_hand_does_not_hold_up_the_others(desk: Desk, tenant: Environment) -> None:
    held, free = await desk.queue(tenant, "poll", 2)

    async with desk.ledger.transaction() as connection:
        await connection.exec_driver_sql(f"select 1 from platform.task_run where id = '{held}' for update")
        assert await sent(desk) == [free]


async def test_thousands_of_runs_of_one_environment_are_stepped_over(desk: Desk, tenant: Environment) -> None:
    await desk.queue(tenant, "import", 3000)
    await desk.queue("zz_quiet", "poll", 1)
    await desk.queue("aa_quiet", "poll", 1)
    await desk.execute("analyze platform.task_run")

    chosen = await sent(desk, Caps())
    plan = await desk.rows(
        "explain (analyze, format json) select environment from platform.task_run"
        " where state = 'queued' and (environment, task) > (:role, 'import') order by environment, task limit 1",
        role=tenant.role,
    )

    assert len(chosen) == 6
    step = plan[0]["QUERY PLAN"][0]["Plan"]
    while "Plans" in step:
        (step,) = step["Plans"]
    assert step["Actual Rows"] + step.get("Rows Removed by Filter", 0) < 1000
