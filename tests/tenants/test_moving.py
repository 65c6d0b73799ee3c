"""Environments move between cells: nothing acknowledged is lost, nobody reads a wrong row, a run is done once."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from typing_extensions import override

from domain.kernel.actor import Actor
from domain.kernel.errors import EnvironmentMoving, StaleEnvironment
from domain.tasks.schedules import add_default_schedules
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.copies.dropping import sweep
from tenants.copies.errors import CopyBegunAgain, CopyRunning, NotCopyable
from tenants.copies.storage import CopyDamaged
from tenants.copies.switch import StillBusy
from tenants.environments import Environment, EnvironmentKind
from tenants.moves.abandoned import let_go
from tenants.moves.asking import move
from tenants.moves.moving import Mover
from tenants.moves.route import Patience, Route
from tenants.orphans import find_orphans, sweep_everything
from tenants.registry.actions import NewTenant
from tenants.registry.cells import CellNotFound, CellRefuses, set_open
from tests.fixtures.cells import Split
from tests.fixtures.jobs import Desk
from tests.tenants.crowd import Crowd, current, person_named
from tests.tenants.test_cells import _desk, _people, _refreshed, _schemas

STEPS = ("role", "wait", "fence", "load", "switch", "runs", "drop")
AFTER = ("runs", "drop")
HURRIED = Patience(runs_s=0.3, writers_s=0.3)


class PowerCut(BaseException):
    """Stands for a process that dies in the middle."""


class Dying(Mover):
    """A move in a process that dies: it undoes nothing."""

    @override
    async def undo(self, route: Route, error: BaseException, *, is_over: bool = False) -> None:
        pass


@pytest.fixture(autouse=True)
async def _second_cell_takes_everything(split: Split) -> None:
    async with split.platform.databases.provisioner().begin() as connection:
        await connection.execute(text("update registry.cell set environment_group = null, is_open = true"))
    await split.platform.registry.load()


@pytest.fixture
async def tenant(split: Split) -> Environment:
    """A fresh tenant with one person in it, in the registry's database."""
    platform = split.platform
    async with platform.databases.control().begin() as connection:
        await set_open(connection, split.second, is_open=False, actor="tests")
    number = uuid4().hex[:8]
    made = await platform.provisioner.create_tenant(NewTenant(f"tenant-{number}", "A Tenant"), actor="tests")
    async with platform.databases.control().begin() as connection:
        await set_open(connection, split.second, is_open=True, actor="tests")
    await create_administrator(platform, made, "ann@tomahawku.example")
    return made


async def test_an_environment_moves_with_its_rows_and_nothing_of_it_stays_behind(
    split: Split, tenant: Environment
) -> None:
    platform = split.platform

    moved = await _moved(split, tenant)

    assert (moved.id, moved.cell, moved.hosts) == (tenant.id, split.second, tenant.hosts)
    assert await _people(platform, moved) == 1
    assert tenant.schema not in await _schemas(platform, "main")
    assert moved.schema in await _schemas(platform, split.second)
    assert not await _has_role(platform, tenant.role)
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]
    async with platform.databases.work(moved, Actor.system()) as work:
        work.add(person_named("ben"))
    assert await _people(platform, moved) == 2


async def test_it_moves_back_again(split: Split, tenant: Environment) -> None:
    there = await _moved(split, tenant)

    back = await _moved(split, there, to="main")

    assert back.cell == "main"
    assert await _people(split.platform, back) == 1
    assert there.schema not in await _schemas(split.platform, split.second)


async def test_a_preview_moves_as_well(split: Split, tenant: Environment) -> None:
    preview = await _refreshed(split.platform, tenant)

    moved = await _moved(split, preview, to="main" if preview.cell == split.second else split.second)

    assert moved.kind is EnvironmentKind.PREVIEW
    assert await _people(split.platform, moved) == 1


@pytest.mark.parametrize("step", STEPS)
async def test_a_move_that_is_killed_at_any_step_is_finished_by_the_next_attempt(
    split: Split, tenant: Environment, step: str
) -> None:
    """Until the switch the old rows are read, afterwards the new ones; nothing is left that nobody names."""
    platform = split.platform
    copy_id = await _asked(split, tenant)

    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, _dies_at(step)).carry_out()
    await platform.registry.load()
    between = current(platform, tenant)
    assert (between.cell == split.second) == (step in AFTER)
    assert await _people(platform, between) == 1
    await Mover(platform.copier, copy_id, _quiet).carry_out()

    moved = current(platform, tenant)
    assert (moved.cell, moved.is_moving) == (split.second, False)
    assert await _people(platform, moved) == 1
    assert not await _has_role(platform, tenant.role)
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]


@pytest.mark.parametrize("step", [step for step in STEPS if step not in AFTER])
async def test_a_move_that_fails_before_the_switch_gives_everything_back(
    split: Split, tenant: Environment, step: str
) -> None:
    platform, desk = split.platform, _desk(split.platform, "main")
    (run_id,) = await desk.queue(tenant, "greet")
    due = (await desk.run(run_id))["not_before"]
    copy_id = await _asked(split, tenant)

    def fails(code: str, _words: str) -> None:
        if code == step:
            raise CopyDamaged("A test.")

    with pytest.raises(CopyDamaged):
        await Mover(platform.copier, copy_id, fails).carry_out()

    same = current(platform, tenant)
    assert same == tenant
    async with platform.databases.work(same, Actor.system()) as work:
        work.add(person_named("ben"))
    assert (await desk.run(run_id))["not_before"] == due
    assert await _facts(platform, copy_id) == ("failed", "backup.damaged")
    assert not await _has_role(platform, f"e_{copy_id.hex}")
    assert [await sweep(platform.databases, cell) for cell in ("main", split.second)] == [[], []]
    assert (await _moved(split, same)).cell == split.second


@pytest.mark.parametrize("step", STEPS)
async def test_what_a_move_held_that_nobody_carries_out_any_more_is_let_go(
    split: Split, tenant: Environment, step: str
) -> None:
    """Three workers were killed in it, which ends its run; the nightly sweep finds it."""
    platform, desk = split.platform, _desk(split.platform, "main")
    await desk.queue(tenant, "greet")
    copy_id = await _asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, _dies_at(step)).carry_out()
    assert await let_go(platform.copier) == []
    await desk.execute("update platform.task_run set state = 'failed' where task = 'copy'")

    swept = await sweep_everything(platform.copier)
    await let_go(platform.copier)

    assert swept != []
    now = current(platform, tenant)
    async with platform.databases.work(now, Actor.system()) as work:
        work.add(person_named("ben"))
    (run,) = await _desk(platform, now.cell).rows(
        "select not_before < now() as due from platform.task_run where environment = :role and task = 'greet'",
        role=now.role,
    )
    assert run["due"]
    assert await find_orphans(platform.copier) == []


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

    moved = await _moved(split, tenant)
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
    copy_id = await _asked(split, tenant)

    with pytest.raises(StillBusy) as refused:
        await Mover(platform.copier, copy_id, _quiet, HURRIED).carry_out()

    assert refused.value.details["task"] == "greet"
    assert current(platform, tenant) == tenant
    again = asyncio.create_task(_moved(split, tenant))
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
    copy_id = await _asked(split, tenant)
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
    copy_id = await _asked(split, tenant)

    async with platform.databases.work(tenant, Actor.system()) as work:
        work.add(person_named("slow"))
        await work.flush()
        with pytest.raises(StillBusy):
            await Mover(platform.copier, copy_id, _quiet, HURRIED).carry_out()

    assert await _people(platform, current(platform, tenant)) == 2
    assert current(platform, tenant) == tenant


async def test_while_it_moves_reads_go_on_and_writes_are_told_to_wait(split: Split, tenant: Environment) -> None:
    platform = split.platform
    copy_id = await _asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, _dies_at("load")).carry_out()
    await platform.registry.load()

    assert await _people(platform, current(platform, tenant)) == 1
    with pytest.raises(EnvironmentMoving):
        async with platform.databases.work(current(platform, tenant), Actor.system()) as work:
            work.add(person_named("ben"))
    # A process that has not heard of it: refused by the database, before the first statement.
    with pytest.raises(StaleEnvironment):
        async with platform.databases.work(tenant, Actor.system()) as work:
            work.add(person_named("ben"))
    await Mover(platform.copier, copy_id, _quiet).carry_out()


async def test_a_process_that_only_seems_dead_can_do_no_harm(split: Split, tenant: Environment) -> None:
    """It lost its lease in the middle of a load; another one has taken the move up, and finished or not."""
    platform = split.platform
    copy_id = await _asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, _dies_at("load")).carry_out()
    slow = Mover(platform.copier, copy_id, _quiet)
    route = Route.of(await slow.teller.row())
    with pytest.raises(PowerCut):
        await Dying(platform.copier, copy_id, _dies_at("load")).carry_out()

    with pytest.raises(CopyBegunAgain):
        await slow._name_new(route)  # noqa: SLF001 - what it would do next
    await slow.undo(route, PowerCut())

    await platform.registry.load()
    assert current(platform, tenant).is_moving
    with pytest.raises(StaleEnvironment):
        async with platform.databases.work(tenant, Actor.system()) as work:
            work.add(person_named("lost"))
    await Mover(platform.copier, copy_id, _quiet).carry_out()
    await slow.undo(route, PowerCut())
    assert await _people(platform, current(platform, tenant)) == 1


async def test_writers_and_readers_at_work_lose_nothing_and_see_no_wrong_row(split: Split, tenant: Environment) -> None:
    platform = split.platform
    crowd = Crowd(platform, tenant)
    tasks = [asyncio.create_task(crowd.write(name)) for name in ("a", "b", "c")]
    tasks += [asyncio.create_task(crowd.read()) for _ in range(2)]
    await crowd.until_more()

    try:
        for to in (split.second, "main"):
            await _moved(split, current(platform, tenant), to=to)
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
    copy_id = await _asked(split, tenant)

    with pytest.raises(CopyRunning):
        await _asked(split, tenant)

    await Mover(split.platform.copier, copy_id, _quiet).carry_out()


async def test_a_move_goes_through_ledger_and_worker(split: Split, tenant: Environment) -> None:
    desk = _desk(split.platform, "main")
    copy_id = await _asked(split, tenant)
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


async def _asked(split: Split, environment: Environment, to: str | None = None) -> UUID:
    to = to or split.second
    return await move(split.platform.databases, environment.id, to, actor="tests", reason="a test")


async def _moved(split: Split, environment: Environment, to: str | None = None) -> Environment:
    copy_id = await _asked(split, environment, to)
    await Mover(split.platform.copier, copy_id, _quiet).carry_out()
    return current(split.platform, environment)


def _quiet(_code: str, _words: str) -> None:
    pass


def _dies_at(step: str) -> Callable[[str, str], None]:
    def say(code: str, _words: str) -> None:
        if code == step:
            raise PowerCut

    return say


def _noting(done: list[UUID]) -> Any:  # noqa: ANN401 - a task
    async def note(context: Any) -> None:  # noqa: ANN401 - a context
        done.append(context.claim.run_id)

    return note


async def _has_role(platform: Platform, role: str) -> bool:
    async with platform.databases.control().connect() as connection:
        return await connection.scalar(text("select to_regrole(:role)"), {"role": role}) is not None


async def _facts(platform: Platform, copy_id: UUID) -> tuple[str, str | None]:
    async with platform.databases.control().connect() as connection:
        row = (
            await connection.execute(
                text("select state, error_code from registry.copy where id = :id"), {"id": copy_id}
            )
        ).one()
    return row.state, row.error_code


async def _schedules(desk: Desk, environment: Environment) -> list[tuple[object, ...]]:
    rows = await desk.rows(
        "select task, rule, is_enabled, next_run_at from platform.task_schedule where environment = :role order by task",
        role=environment.role,
    )
    return [tuple(row.values()) for row in rows]
