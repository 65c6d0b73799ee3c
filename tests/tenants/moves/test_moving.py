"""Environments move between cells: nothing acknowledged is lost, nobody reads a wrong row, a run is done once."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domain.kernel.actor import Actor
from domain.kernel.errors import EnvironmentMoving, StaleEnvironment
from domain.tasks.schedules import add_default_schedules
from opscom.platform import Platform
from tenants.copies.dropping import sweep
from tenants.copies.errors import CopyRunning, NotCopyable
from tenants.copies.switch import StillBusy
from tenants.environments import Environment, EnvironmentKind
from tenants.moves.asking import move
from tenants.moves.moving import Mover
from tenants.moves.route import Patience
from tenants.registry.cells import CellNotFound, CellRefuses
from tests.fixtures.cells import Split
from tests.fixtures.jobs import Desk
from tests.patience import patience
from tests.tenants.moves.attempts import Dying, PowerCut, asked, dies_at, has_role, moved_to, quiet
from tests.tenants.moves.crowd import Crowd, current, person_named
from tests.tenants.test_cells import _desk, _people, _refreshed, _schemas

HURRIED = Patience(runs_s=0.3, writers_s=0.3)


async def test_an_environment_moves_with_its_rows_and_nothing_of_it_stays_behind(
    split: Split, tenant: Environment
) -> None:
    platform = split.platform

    moved = await moved_to(split, tenant)

    assert (moved.id, moved.cell, moved.hosts) == (tenant.id, split.second, tenant.hosts)
    assert await _people(platform, moved) == 1
    assert tenant.schema not in await _schemas(platform, "main")
    assert moved.schema in await _schemas(platform, split.second)
    assert not await has_role(platform, tenant.role)
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]
    async with platform.databases.work(moved, Actor.system()) as work:
        work.add(person_named("ben"))
    assert await _people(platform, moved) == 2


async def test_it_moves_back_again(split: Split, tenant: Environment) -> None:
    there = await moved_to(split, tenant)

    back = await moved_to(split, there, to="main")

    assert back.cell == "main"
    assert await _people(split.platform, back) == 1
    assert there.schema not in await _schemas(split.platform, split.second)


async def test_a_preview_moves_as_well(split: Split, tenant: Environment) -> None:
    preview = await _refreshed(split.platform, tenant)

    moved = await moved_to(split, preview, to="main" if preview.cell == split.second else split.second)

    assert moved.kind is EnvironmentKind.PREVIEW
    assert await _people(split.platform, moved) == 1


async def test_queued_runs_and_schedules_go_along_and_run_once(split: Split, tenant: Environment) -> None:
    platform, old, new = split.platform, _desk(split.platform, "main"), _desk(split.platform, split.second)
    async with platform.databases.work(tenant, Actor.system()) as work:
        await add_default_schedules(work, tenant.time_zone)
    before = await _schedules(old, tenant)
    done: list[UUID] = []
    for desk in (old, new):
        desk.define("greet", _noting(done))
    runs = await old.queue(tenant, "greet", 3)
    (finished,) = await old.queue(tenant, "greet", state="succeeded")
    await old.execute(
        "insert into platform.task_run_log (run_id, environment, level, code, message)"
        " values (:id, :role, 'info', 'said', 'Something.')",
        id=finished,
        role=tenant.role,
    )

    moved = await moved_to(split, tenant)
    for run_id in runs * 2:
        await old.runner().run(run_id)

    assert sorted(done) == sorted(runs)
    assert await old.rows("select 1 from platform.task_run where environment = :role", role=tenant.role) == []
    assert await _schedules(new, moved) == before
    assert await _schedules(old, tenant) == []
    assert (await new.run(finished))["environment"] == moved.role
    assert [line["message"] for line in await new.lines(finished)] == ["Something."]


async def test_a_run_that_runs_is_waited_for_and_too_long_a_one_refuses_the_move(
    split: Split, tenant: Environment
) -> None:
    platform, desk = split.platform, _desk(split.platform, "main")
    (run_id,) = await desk.queue(tenant, "greet", state="running", attempt=1, fence=1)
    await desk.execute("update platform.task_run set lease_until = now() + interval '1 h' where id = :id", id=run_id)
    copy_id = await asked(split, tenant)

    with pytest.raises(StillBusy) as refused:
        await Mover(platform.copier, copy_id, quiet, HURRIED).carry_out()

    assert refused.value.details["task"] == "greet"
    assert current(platform, tenant) == tenant
    again = asyncio.create_task(moved_to(split, tenant))
    await asyncio.sleep(0.3)
    await desk.execute("update platform.task_run set state = 'succeeded' where id = :id", id=run_id)
    assert (await again).cell == split.second


async def test_a_run_that_begins_while_it_moves_goes_back_and_is_done_in_the_new_cell(
    split: Split, tenant: Environment
) -> None:
    platform, old, new = split.platform, _desk(split.platform, "main"), _desk(split.platform, split.second)
    done: list[UUID] = []

    async def greet(context: Any) -> None:  # noqa: ANN401 - a context
        """Writes when the move has begun, and not before."""
        await old.until(lambda: _has_begun(platform, tenant))
        async with context.work() as work:
            work.add(person_named(f"run-{uuid4().hex}"))
        done.append(context.claim.run_id)

    for desk in (old, new):
        desk.define("greet", greet)
    copy_id = await asked(split, tenant)
    made: list[UUID] = []
    beginning: list[asyncio.Future[None]] = []

    async def begin() -> None:
        """A run that a worker claims between the last look and the fence."""
        made.extend(await old.queue(tenant, "greet"))
        await old.runner().run(made[0])

    def say(code: str, _words: str) -> None:
        if code == "fence":
            beginning.append(asyncio.ensure_future(begin()))

    await Mover(platform.copier, copy_id, say).carry_out()
    await beginning[0]

    moved = current(platform, tenant)
    assert done == []
    assert (await new.run(made[0]))["environment"] == moved.role

    async def is_done() -> bool:
        await new.runner().run(made[0], split.second)
        return done == made

    await new.until(is_done)
    assert (await new.run(made[0]))["attempt"] == 1


async def test_a_transaction_that_does_not_end_refuses_the_move(split: Split, tenant: Environment) -> None:
    platform = split.platform
    copy_id = await asked(split, tenant)

    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(person_named("slow"))
        await work.flush()
        with pytest.raises(StillBusy):
            await Mover(platform.copier, copy_id, quiet, HURRIED).carry_out()

    assert await _people(platform, current(platform, tenant)) == 2
    assert current(platform, tenant) == tenant


async def test_a_table_that_somebody_holds_refuses_the_move(split: Split, tenant: Environment) -> None:
    """To revoke waits for it: once for as long as it was held, and nobody could write meanwhile."""
    databases = split.platform.databases
    copy_id = await asked(split, tenant)

    with databases.owner_connector("main").connect() as holder, holder.transaction():
        holder.execute(f"set local role {databases.database_name('main')}_owner")
        holder.execute(f"lock table {tenant.schema}.lot in access exclusive mode")
        patient = replace(HURRIED, writers_s=1.5)  # to be seen waiting, by whoever looks now and then
        moving = asyncio.create_task(Mover(split.platform.copier, copy_id, quiet, patient).carry_out())
        waited = set[int]()
        async with patience():
            while len(waited) < 2:  # the fence, and, when that was given up, its undoing
                waited |= await _waiting(split.platform)
                await asyncio.sleep(0.02)

    with pytest.raises(StillBusy):
        await moving
    assert current(split.platform, tenant) == tenant


async def test_while_it_moves_reads_go_on_and_writes_are_told_to_wait(split: Split, tenant: Environment) -> None:
    platform = split.platform
    copy_id = await asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, dies_at("load")).carry_out()
    await platform.registry.load()

    assert await _people(platform, current(platform, tenant)) == 1
    with pytest.raises(EnvironmentMoving):
        async with platform.databases.work(current(platform, tenant), Actor.system()) as work:
            work.add(person_named("ben"))
    # A process that has not heard of it: refused by the database, before the first statement.
    with pytest.raises(StaleEnvironment):
        async with platform.databases.work(tenant, Actor.system()) as work:
            work.add(person_named("ben"))
    await Mover(platform.copier, copy_id, quiet).carry_out()


async def test_writers_and_readers_at_work_lose_nothing_and_see_no_wrong_row(split: Split, tenant: Environment) -> None:
    platform = split.platform
    crowd = Crowd(platform, tenant)
    tasks = [asyncio.create_task(crowd.write(name)) for name in ("a", "b", "c")]
    tasks += [asyncio.create_task(crowd.read()) for _ in range(2)]
    await crowd.until_more()

    try:
        for to in (split.second, "main"):
            await moved_to(split, current(platform, tenant), to=to)
            await crowd.until_more()
    finally:
        crowd.is_over = True
        await asyncio.gather(*tasks)

    names = await crowd.names(current(platform, tenant))
    assert set(crowd.acknowledged) - names == set()
    assert crowd.wrong == []
    assert crowd.reads > 0
    assert set(crowd.errors) <= {"environment.moving", "environment.moved", "environment.busy"}


@pytest.mark.parametrize(
    ("to", "error"), [("main", NotCopyable), ("nowhere", CellNotFound), ("closed", CellRefuses), ("test", CellRefuses)]
)
async def test_a_move_that_makes_no_sense_is_refused(
    split: Split, tenant: Environment, to: str, error: type[Exception]
) -> None:
    name = {"closed": split.second, "test": split.second}.get(to, to)
    async with split.platform.databases.provisioner().begin() as connection:
        change = "is_open = false" if to == "closed" else "environment_group = 'test'"
        await connection.execute(text(f"update registry.cell set {change} where name = '{split.second}'"))

    with pytest.raises(error):
        await move(split.platform.databases, tenant.id, name, actor="tests", reason="a test")


async def test_two_moves_at_once_one_is_told(split: Split, tenant: Environment) -> None:
    copy_id = await asked(split, tenant)

    with pytest.raises(CopyRunning):
        await asked(split, tenant)

    await Mover(split.platform.copier, copy_id, quiet).carry_out()


async def test_a_move_goes_through_ledger_and_worker(split: Split, tenant: Environment) -> None:
    desk = _desk(split.platform, "main")
    copy_id = await asked(split, tenant)
    (run,) = await desk.rows(
        "select id from platform.task_run where task = 'copy' and payload->>'id' = :id", id=str(copy_id)
    )

    await desk.runner().run(run["id"])

    assert (await desk.run(run["id"]))["state"] == "succeeded"
    assert current(split.platform, tenant).cell == split.second
    assert "writes waited" in next(line["message"] for line in await desk.lines(run["id"]) if line["code"] == "moved")


async def _has_begun(platform: Platform, environment: Environment) -> bool:
    found = current(platform, environment)
    return found.is_moving or found.cell != environment.cell


def _noting(done: list[UUID]) -> Any:  # noqa: ANN401 - a task
    async def note(context: Any) -> None:  # noqa: ANN401 - a context
        done.append(context.claim.run_id)

    return note


async def _waiting(platform: Platform) -> set[int]:
    """Who waits for a table in the registry's database."""
    async with platform.databases.control().connect() as connection:
        waiting = (
            "select pid from pg_locks where not granted and locktype = 'relation'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        return set((await connection.scalars(text(waiting))).all())


async def _schedules(desk: Desk, environment: Environment) -> list[tuple[object, ...]]:
    rows = await desk.rows(
        "select task, rule, is_enabled, next_run_at from platform.task_schedule where environment = :role order by task",
        role=environment.role,
    )
    return [tuple(row.values()) for row in rows]
