"""Snapshot: one view of the data, and what was ended stays ended."""

import pytest
from sqlalchemy import Integer, String, bindparam, func, literal, select

from domain.kernel.actor import Actor
from domain.kernel.fixed import FixedStatement
from opscom.platform import Platform
from tenants.environments import Environment


async def test_nothing_is_read_after_the_end(platform: Platform, tenant: Environment) -> None:
    snapshot, fixed = platform.databases.snapshot(tenant, Actor.guest()), FixedStatement(select(literal(1)))
    assert await snapshot.scalar(select(literal(1))) == 1
    assert await snapshot.tuples(fixed) == [(1,)]
    await snapshot.end()

    with pytest.raises(RuntimeError, match="ended"):
        await snapshot.scalar(select(literal(1)))
    with pytest.raises(RuntimeError, match="ended"):
        await snapshot.tuples(fixed)

    await snapshot.end()


async def test_a_fixed_statement_is_read_once_for_each_of_its_parameters(
    platform: Platform, tenant: Environment
) -> None:
    statement = FixedStatement(select(bindparam("n", type_=Integer()), func.clock_timestamp().cast(String())))

    async with platform.databases.snapshot(tenant, Actor.guest()) as snapshot:
        first, again, other = [await snapshot.tuples(statement, {"n": n}) for n in (1, 1, 2)]

    assert first == again
    assert (first[0][0], other[0][0]) == (1, 2)
    assert first[0][1] < other[0][1]
