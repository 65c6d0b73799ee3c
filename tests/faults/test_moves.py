"""`kill -9` after every single thing that lasts of a move: the site is read all the time, and whole in the end."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from sqlalchemy import text

from domain.kernel.clock import utc_now
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.moves.asking import move
from tests.faults.conftest import KILLED, SECOND, Readers, Scene, open_second
from tests.faults.test_kills import ANN, run_of

pytestmark = pytest.mark.timeout(600)
CELLS = ("main", SECOND)


@pytest.fixture(autouse=True)
async def _second_is_open(platform: Platform, tenant: Environment) -> Any:  # noqa: ANN401 - a fixture
    """Once the tenant was made, in the first cell."""
    await open_second(platform, is_open=True)
    yield
    await open_second(platform, is_open=False)


async def test_a_move(scene: Scene, tenant: Environment, readers: Readers) -> None:
    """Read from the old place or the new one, written to unless it is fenced, the same rows, and each run once."""
    runs = await given_runs(scene, tenant)
    password = await create_administrator(scene.platform, tenant, ANN.name)
    site = await readers.read(tenant, cookie=await readers.log_in(tenant, ANN.name, password))

    for blade in count(1):
        goal = CELLS[blade % 2]
        copy_id = await move(scene.platform.databases, tenant.id, goal, actor="ann", reason="fault")
        run_id = await run_of(scene, copy_id)
        if not await scene.killed(run_id, blade):
            break
        await site.until_answered()
        between = await now(scene, tenant)
        refused = await site.write(f"{blade:03d} between")
        assert (refused == "environment.moving", refused is None) == (between.is_moving, not between.is_moving)
        rows = await digest(scene.platform, between)

        await scene.finished(run_id)

        moved = await now(scene, tenant)
        assert (moved.cell, moved.is_moving) == (goal, False)
        assert await digest(scene.platform, moved) == rows
        assert await lying_runs(scene.platform) == {(goal, moved.role, run) for run in runs}
        assert await site.write(f"{blade:03d} moved") is None

    await site.until_answered()
    assert site.wrong == []
    assert site.rows[-1] == tuple(site.written)
    assert all(seen == site.rows[-1][: len(seen)] for seen in site.rows)
    assert [len(seen) for seen in site.rows] == sorted(len(seen) for seen in site.rows)
    assert scene.deaths > 25
    await scene.nothing_is_left()


async def test_a_command_that_asks_for_a_move(scene: Scene, tenant: Environment) -> None:
    """Nobody was woken, and whoever repeats it is told that the move is under way."""
    words = ("tenant", "move", tenant.tenant.slug, "--to", SECOND, "--reason", "fault")
    assert await scene.command(*words, blade=1) == KILLED

    assert await scene.command(*words) == 1
    (run,) = await scene.desk.rows("select id from platform.task_run where task = 'copy'")
    await scene.desk.runner().run(run["id"])

    assert (await now(scene, tenant)).cell == SECOND
    await scene.nothing_is_left()


async def now(scene: Scene, environment: Environment) -> Environment:
    """The environment as the registry has it."""
    await scene.platform.registry.load()
    found = scene.platform.registry.by_id(environment.id)
    assert found is not None
    return found


async def given_runs(scene: Scene, tenant: Environment) -> set[UUID]:
    """A run that waits and one that ended with a line in its log; nothing else of the tenant becomes due meanwhile."""
    await scene.desk.execute("update platform.task_schedule set next_run_at = now() + interval '1 d'")
    waiting = await scene.desk.queue(tenant, "greet", not_before=utc_now() + timedelta(days=1))
    ended = await scene.desk.queue(tenant, "greet", state="succeeded", finished_at=utc_now())
    await scene.desk.execute(
        "insert into platform.task_run_log (run_id, environment, level, code, message)"
        " values (:id, :role, 'info', 'said', 'Something.')",
        id=ended[0],
        role=tenant.role,
    )
    return {*waiting, *ended}


async def lying_runs(platform: Platform) -> set[tuple[str, str, UUID]]:
    """Where those runs lie, over all ledgers: cell, role, id."""
    found = set()
    for cell in CELLS:
        async with platform.databases.ledger(cell).connect() as connection:
            rows = await connection.execute(text("select environment, id from platform.task_run where task = 'greet'"))
            found |= {(cell, row.environment, row.id) for row in rows}
    return found


async def digest(platform: Platform, environment: Environment) -> dict[str, object]:
    """A checksum of every table and the last value of every sequence. When a login was seen is written at any time."""
    name = environment.schema
    owner = sql.Identifier(f"{platform.databases.database_name(environment.cell)}_owner").as_string(None)
    async with platform.databases.owner(environment.cell).connect() as connection:
        await connection.exec_driver_sql(f"set local role {owner}")
        tables = text("select tablename from pg_tables where schemaname = :name and tablename <> 'login'")
        names = (await connection.scalars(tables, {"name": name})).all()
        sums = [
            f"select '{one}' as name, md5(string_agg(t::text, '|' order by t::text)) as sum from {name}.\"{one}\" t"
            for one in names
        ]
        sums.append(f"select sequencename, last_value::text from pg_sequences where schemaname = '{name}'")
        found = await connection.exec_driver_sql(" union all ".join(sums))
        return {row["name"]: row["sum"] for row in found.mappings()}
