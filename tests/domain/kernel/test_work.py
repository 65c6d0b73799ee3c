"""Work: everything of one transaction or nothing, and what leaves it only after the commit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import InternalError

from domain.kernel.actor import Actor, ActorKind
from domain.kernel.audit import AuditEntry
from domain.kernel.clock import utc_now
from domain.kernel.errors import Conflict, ConstraintViolated
from domain.kernel.events import Event
from domain.kernel.ledger import TaskRun
from domain.kernel.places import EnvironmentBusy, Places
from domain.kernel.work import Committed, Work
from domain.users.models import Role
from opscom.platform import Platform
from tenants.databases import Databases
from tenants.environments import Environment
from tests.fixtures.platform import MakeTenant
from tests.patience import patience


@dataclass(frozen=True, slots=True)
class GateOpened(Event):
    """An event of these tests."""

    topics: ClassVar[frozenset[str]] = frozenset({"gates"})
    gate_id: UUID


@dataclass(frozen=True, slots=True)
class GateCounted(Event):
    """An event that machines report all the time."""

    is_audited: ClassVar[bool] = False
    gate_id: UUID


class GateJammed(Conflict):
    """An error of these tests."""

    code = "gate_jammed"


Told = list[Committed]
ANN = Actor(ActorKind.STAFF, user_id=uuid4(), name="Ann")


@pytest.fixture
def told() -> Told:
    """What the world outside was told."""
    return []


@pytest.fixture
def databases(platform: Platform, told: Told) -> Databases:
    """Databases whose work reacts to the events of these tests and tells ``told``."""

    async def publish(committed: Committed) -> None:
        told.append(committed)

    return Databases(
        platform.settings,
        platform.key_ring,
        platform.clock,
        reactions={GateOpened: ("greet", "count")},
        publish=publish,
        data_keys=lambda: platform.registry.current.data_keys,
        cells=lambda: platform.registry.current.cells,
    )


@pytest.fixture(autouse=True)
async def _closed(databases: Databases) -> AsyncIterator[None]:
    yield
    await databases.close()


async def test_an_event_becomes_an_audit_row_its_runs_and_one_note(
    databases: Databases, tenant: Environment, told: Told
) -> None:
    gate_id = uuid4()

    async with databases.work(tenant, ANN) as work:
        work.record(GateOpened(gate_id), before={"open": False}, after={"open": True})
        work.record(GateOpened(gate_id))

    async with databases.snapshot(tenant, ANN) as snapshot:
        audit = await snapshot.scalars(
            select(AuditEntry).where(AuditEntry.action == "GateOpened").order_by(AuditEntry.id)
        )
        runs = await snapshot.rows(select(TaskRun.task, TaskRun.payload, TaskRun.trigger).order_by(TaskRun.task))
    assert [(row.actor_name, row.facts, row.before, row.after) for row in audit] == [
        ("Ann", {"gate_id": str(gate_id)}, {"open": False}, {"open": True}),
        ("Ann", {"gate_id": str(gate_id)}, None, None),
    ]
    greet, count = ("greet", {"gate_id": str(gate_id)}, "event"), ("count", {"gate_id": str(gate_id)}, "event")
    assert [tuple(run) for run in runs] == [count, count, greet, greet]
    assert told == [Committed(tenant.id, frozenset({"gates"}), has_runs=True)]


async def test_after_an_error_nothing_is_written_and_nobody_is_told(
    databases: Databases, tenant: Environment, told: Told
) -> None:
    async def jams() -> None:
        async with databases.work(tenant, ANN) as work:
            work.record(GateOpened(uuid4()))
            await work.flush()
            raise GateJammed("The gate is jammed.")

    with pytest.raises(GateJammed):
        await jams()

    async with databases.snapshot(tenant, ANN) as snapshot:
        assert await snapshot.scalars(select(AuditEntry.id).where(AuditEntry.action == "GateOpened")) == []
        assert await snapshot.scalars(select(TaskRun.id)) == []
    assert told == []


async def test_a_work_without_events_tells_nobody(databases: Databases, tenant: Environment, told: Told) -> None:
    async with databases.work(tenant, ANN) as work:
        work.record(GateCounted(uuid4()))

    async with databases.snapshot(tenant, ANN) as snapshot:
        assert await snapshot.scalars(select(AuditEntry.id).where(AuditEntry.action == "GateCounted")) == []
    assert told == []


async def test_the_last_check_can_still_refuse_everything(
    databases: Databases, tenant: Environment, told: Told
) -> None:
    async def lost(work: Work) -> None:
        assert await work.scalar(select(Role.name).where(Role.name == "Late")) == "Late"
        raise GateJammed("The run belongs to somebody else now.")

    with pytest.raises(GateJammed):
        async with databases.work(tenant, ANN, before_commit=lost) as work:
            work.add(Role(name="Late", permissions=[]))

    async with databases.snapshot(tenant, ANN) as snapshot:
        assert await snapshot.scalars(select(Role.name).where(Role.name == "Late")) == []


async def test_a_violated_constraint_is_put_into_the_words_given_for_it(
    databases: Databases, tenant: Environment
) -> None:
    async def add_keeper(**refusals: GateJammed) -> None:
        async with databases.work(tenant, ANN) as work:
            work.add(Role(name="Keeper", permissions=[]))
            await work.flush(refusals)

    await add_keeper()

    with pytest.raises(GateJammed):
        await add_keeper(role_name_uq=GateJammed("Taken."))
    with pytest.raises(ConstraintViolated) as violated:
        await add_keeper()

    assert violated.value.details == {"constraint": "role_name_uq"}


async def test_sibling_reads_share_one_snapshot(databases: Databases, tenant: Environment) -> None:
    """Siblings run at once; without the lock the second one would fail (SQLAlchemy: concurrent operations)."""
    async with databases.snapshot(tenant, ANN) as snapshot:
        ids = await asyncio.gather(
            *(snapshot.rows(select(text("txid_current_if_assigned(), pg_backend_pid()"))) for _ in range(8))
        )
        before = await snapshot.scalars(select(Role.name))
        async with databases.work(tenant, ANN) as work:
            work.add(Role(name="Newcomer", permissions=[]))
        after = await snapshot.scalars(select(Role.name))

    assert len({tuple(rows[0]) for rows in ids}) == 1
    assert before == after, "one view of the data for the whole operation"


async def test_a_snapshot_cannot_write(databases: Databases, tenant: Environment) -> None:
    async with databases.snapshot(tenant, ANN) as snapshot:
        with pytest.raises(InternalError, match="read-only"):
            await snapshot.rows(insert(Role).values(id=uuid4(), name="Forged", permissions=[]).returning(Role.id))


async def test_reads_end_with_a_commit_so_that_prepared_statements_stay(
    databases: Databases, tenant: Environment
) -> None:
    async def prepared() -> int:
        async with databases.snapshot(tenant, ANN) as snapshot:
            await snapshot.scalars(select(Role.name).where(Role.is_builtin))
            rows = await snapshot.rows(select(text("count(*) from pg_prepared_statements")))
            return int(str(rows[0][0]))

    counts = [await prepared() for _ in range(20)]

    assert counts[-1] > 0
    assert counts[-1] == counts[-5], "nothing is prepared anew"


async def test_a_cancelled_read_leaves_no_broken_connection_behind(databases: Databases, tenant: Environment) -> None:
    started = asyncio.Event()

    async def slow() -> None:
        async with databases.snapshot(tenant, ANN) as snapshot:
            started.set()
            await snapshot.rows(select(text("pg_sleep(30)")))

    for _ in range(databases.settings.pool_size + 2):
        started.clear()
        task = asyncio.create_task(slow())
        await started.wait()
        await asyncio.wait([task], timeout=0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with databases.snapshot(tenant, ANN) as snapshot:
        assert await snapshot.rows(select(text("1"))) == [(1,)]


async def test_one_environment_leaves_connections_for_the_others(databases: Databases, make_tenant: MakeTenant) -> None:
    """Once a rush on one tenant's site took the whole pool, and every tenant of the process answered with an error."""
    greedy, modest = await make_tenant(), await make_tenant()
    ready, done = asyncio.Semaphore(0), asyncio.Event()

    async def hold() -> None:
        async with databases.snapshot(greedy, ANN) as snapshot:
            await snapshot.scalars(select(Role.name))
            ready.release()
            await done.wait()

    holding = [asyncio.create_task(hold()) for _ in range(databases.settings.pool_size * 2)]
    for _ in range(databases.settings.pool_size // 2):
        await ready.acquire()

    async with patience(), databases.snapshot(modest, ANN) as snapshot:
        assert await snapshot.scalars(select(Role.name))
    assert ready.locked(), "the rest of the rush waits"
    done.set()
    await asyncio.gather(*holding)


async def test_who_finds_no_place_is_told_that_the_site_is_busy() -> None:
    places = Places(1, patience_s=0.01)
    await places.take()

    with pytest.raises(EnvironmentBusy):
        await places.take()

    places.give_back()
    await places.take()


async def test_the_clock_of_a_work_stands_still(databases: Databases, tenant: Environment) -> None:
    before = utc_now()
    async with databases.work(tenant, ANN) as work:
        first = work.now
        assert work.now == first >= before
