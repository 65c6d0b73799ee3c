"""A move that breaks off or is taken up by two: the old environment is given back, or the new one finished; never both."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.kernel.errors import StaleEnvironment
from opscom.platform import Platform
from tenants.copies.dropping import sweep
from tenants.copies.errors import CopyBegunAgain
from tenants.copies.storage import CopyDamaged
from tenants.copies.switch import grant
from tenants.environments import Environment
from tenants.moves.abandoned import let_go
from tenants.moves.moving import Mover
from tenants.moves.route import ALONE, MoveFailed, Route
from tenants.moves.switching import name_new, switch
from tenants.orphans import find_orphans, sweep_everything
from tenants.repairing import repair
from tests.fixtures.cells import Split
from tests.tenants.moves.attempts import (
    Dying,
    Halt,
    PowerCut,
    asked,
    dies_at,
    fails_at,
    has_role,
    loaded,
    moved_to,
    quiet,
)
from tests.tenants.moves.crowd import current, person_named
from tests.tenants.test_cells import _desk, _people

STEPS = ("role", "wait", "fence", "load", "switch", "runs", "drop")
AFTER = ("runs", "drop")


@pytest.mark.parametrize("step", STEPS)
async def test_a_move_that_is_killed_at_any_step_is_finished_by_the_next_attempt(
    split: Split, tenant: Environment, step: str
) -> None:
    """Until the switch the old rows are read, afterwards the new ones; nothing is left that nobody names."""
    platform = split.platform
    copy_id = await asked(split, tenant)

    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, dies_at(step)).carry_out()
    await platform.registry.load()
    between = current(platform, tenant)
    assert (between.cell == split.second) == (step in AFTER)
    assert await _people(platform, between) == 1
    await Mover(platform.copier, copy_id, quiet).carry_out()

    moved = current(platform, tenant)
    assert (moved.cell, moved.is_moving) == (split.second, False)
    assert await _people(platform, moved) == 1
    assert not await has_role(platform, tenant.role)
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]


@pytest.mark.parametrize("step", [step for step in STEPS if step not in AFTER])
async def test_a_move_that_fails_before_the_switch_gives_everything_back(
    split: Split, tenant: Environment, step: str
) -> None:
    platform, desk = split.platform, _desk(split.platform, "main")
    (run_id,) = await desk.queue(tenant, "greet")
    due = (await desk.run(run_id))["not_before"]
    copy_id = await asked(split, tenant)

    with pytest.raises(CopyDamaged):
        await Mover(platform.copier, copy_id, fails_at(step)).carry_out()

    same = current(platform, tenant)
    assert same == tenant
    async with platform.databases.work(same, Actor.system()) as work:
        work.add(person_named("ben"))
    assert (await desk.run(run_id))["not_before"] == due
    assert await _facts(platform, copy_id) == ("failed", "backup.damaged")
    assert not await has_role(platform, f"e_{copy_id.hex}")
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]
    assert (await moved_to(split, same)).cell == split.second


async def test_a_worker_that_is_stopped_gives_writing_back_and_leaves_the_move_to_the_next(
    split: Split, tenant: Environment
) -> None:
    platform, halt = split.platform, Halt(split.platform, tenant)
    copy_id = await asked(split, tenant)
    moving = asyncio.create_task(Mover(platform.copier, copy_id, halt.say).carry_out())
    await halt.is_there.wait()

    moving.cancel()
    await asyncio.sleep(0)  # it is told, before the table is there to be copied
    halt.end()
    with pytest.raises(asyncio.CancelledError):
        await moving

    assert current(platform, tenant) == tenant
    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(person_named("ben"))
    assert await _facts(platform, copy_id) == ("running", None)
    await Mover(platform.copier, copy_id, quiet).carry_out()
    assert await _people(platform, current(platform, tenant)) == 2


@pytest.mark.parametrize("step", STEPS)
async def test_what_a_move_held_that_nobody_carries_out_any_more_is_let_go(
    split: Split, tenant: Environment, step: str
) -> None:
    """Three workers were killed in it, which ends its run; the nightly sweep finds it."""
    platform, desk = split.platform, _desk(split.platform, "main")
    await desk.queue(tenant, "greet")
    copy_id = await asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, dies_at(step)).carry_out()
    assert [await let_go(platform.copier, cell) for cell in ("main", split.second)] == [[], []]
    await desk.execute("update platform.task_run set state = 'failed' where task = 'copy'")

    swept = await sweep_everything(platform.copier)

    assert swept != []
    if step in AFTER:
        await Mover(platform.copier, copy_id, quiet).carry_out()
    now = current(platform, tenant)
    async with platform.databases.work(now, Actor.system()) as work:
        work.add(person_named("ben"))
    (run,) = await _desk(platform, now.cell).rows(
        "select not_before < now() as due from platform.task_run where environment = :role and task = 'greet'",
        role=now.role,
    )
    assert run["due"]
    assert await find_orphans(platform.copier) == []


@pytest.mark.parametrize("step", AFTER)
async def test_a_move_that_fails_for_good_after_the_switch_is_queued_again_by_the_sweep(
    split: Split, tenant: Environment, step: str
) -> None:
    """It was ended as one that failed, and the finished runs that were still in the old cell were lost."""
    platform, desk = split.platform, _desk(split.platform, "main")
    (finished,) = await desk.queue(tenant, "greet", state="succeeded", finished_at=utc_now())
    copy_id = await asked(split, tenant)
    mover = Mover(platform.copier, copy_id, fails_at(step))
    with pytest.raises(CopyDamaged) as raised:
        await mover.carry_out()
    await mover.fail(raised.value)
    await desk.execute("update platform.task_run set state = 'failed' where task = 'copy'")

    for _ in range(2):
        await sweep_everything(platform.copier)

    assert await _facts(platform, copy_id) == ("running", None)
    queued = "select concurrency_key from platform.task_run where task = 'copy' and state = 'queued'"
    assert [row["concurrency_key"] for row in await desk.rows(queued)] == [str(copy_id)]
    await Mover(platform.copier, copy_id, quiet).carry_out()
    assert await _facts(platform, copy_id) == ("complete", None)
    assert (await _desk(platform, split.second).run(finished))["state"] == "succeeded"
    assert await find_orphans(platform.copier) == []


async def test_a_process_that_only_seems_dead_can_do_no_harm(split: Split, tenant: Environment) -> None:
    """It lost its lease in the middle of a load; another one has taken the move up, and finished or not."""
    platform = split.platform
    copy_id = await asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, dies_at("load")).carry_out()
    slow = Mover(platform.copier, copy_id, quiet)
    route = Route.of(await slow.teller.row())
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, dies_at("load")).carry_out()

    with pytest.raises(CopyBegunAgain):
        await name_new(platform.databases, copy_id, route)  # what it would do next
    await slow.undo(route, PowerCut())

    await platform.registry.load()
    assert current(platform, tenant).is_moving
    with pytest.raises(StaleEnvironment):
        async with platform.databases.work(tenant, Actor.system()) as work:
            work.add(person_named("lost"))
    await Mover(platform.copier, copy_id, quiet).carry_out()
    await slow.undo(route, PowerCut())
    assert await _people(platform, current(platform, tenant)) == 1


@pytest.mark.parametrize("who", ["a gateway", "the sweep", "the next attempt"])
async def test_whoever_comes_upon_a_switch_that_the_registry_does_not_name_yet_finishes_it(
    split: Split, tenant: Environment, who: str
) -> None:
    """The process died between the two: nobody could read the old rows, and nobody knew of the new ones."""
    platform = split.platform
    mover, route = await loaded(split, tenant)
    async with platform.databases.owner("main").begin() as alone:
        await switch(platform.databases, alone, route)
    await platform.registry.load()

    if who == "a gateway":
        assert await repair(platform.databases, current(platform, tenant))
    elif who == "the sweep":
        await sweep_everything(platform.copier)
    else:
        await mover.carry_out()

    await platform.registry.load()
    moved = current(platform, tenant)
    assert (moved.cell, moved.schema, moved.is_moving) == (split.second, route.new.schema, False)
    assert await _people(platform, moved) == 1
    assert not await repair(platform.databases, moved)
    await mover.carry_out()
    assert await find_orphans(platform.copier) == []


async def test_a_switch_is_finished_by_nobody_while_it_is_under_way(split: Split, tenant: Environment) -> None:
    platform = split.platform
    mover, route = await loaded(split, tenant)
    async with platform.databases.owner("main").begin() as alone:
        await alone.execute(ALONE, {"environment": str(tenant.id)})
        await switch(platform.databases, alone, route)
        await platform.registry.load()

        assert not await repair(platform.databases, current(platform, tenant))

    await mover.carry_out()
    assert current(platform, tenant).cell == split.second


async def test_rows_that_may_have_changed_behind_the_fence_are_not_switched_to(
    split: Split, tenant: Environment
) -> None:
    """Somebody granted the schema anew, as a migration that adds a table does for whoever may read it."""
    platform, databases = split.platform, split.platform.databases
    mover, route = await loaded(split, tenant)
    database = databases.database_name("main")
    await grant(databases.owner("main"), tenant.role, tenant.schema, database=database)

    with pytest.raises(MoveFailed):
        async with databases.owner("main").begin() as alone:
            await switch(databases, alone, route)

    assert await _people(platform, tenant) == 1
    await mover.carry_out()
    assert current(platform, tenant).cell == split.second


async def test_an_environment_that_was_migrated_while_it_moved_is_not_switched_to(
    split: Split, tenant: Environment
) -> None:
    platform, databases = split.platform, split.platform.databases
    mover, route = await loaded(split, tenant)
    async with databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(
            f"set local role {databases.database_name('main')}_owner;"
            f" update {tenant.schema}.alembic_version set version_num = version_num || '-later'"
        )

    with pytest.raises(MoveFailed):
        async with databases.owner("main").begin() as alone:
            await switch(databases, alone, route)

    assert await _people(platform, tenant) == 1
    await mover.fail(MoveFailed("A test."))


async def _facts(platform: Platform, copy_id: UUID) -> tuple[str, str | None]:
    async with platform.databases.control().connect() as connection:
        row = (
            await connection.execute(
                text("select state, error_code from registry.copy where id = :id"), {"id": copy_id}
            )
        ).one()
    return row.state, row.error_code
