"""Snapshot: what was ended stays ended."""

import pytest
from sqlalchemy import literal, select

from domain.kernel.actor import Actor
from opscom.platform import Platform
from tenants.environments import Environment


async def test_nothing_is_read_after_the_end(platform: Platform, tenant: Environment) -> None:
    snapshot = platform.databases.snapshot(tenant, Actor.guest())
    assert await snapshot.scalar(select(literal(1))) == 1
    await snapshot.end()

    with pytest.raises(RuntimeError, match="ended"):
        await snapshot.scalar(select(literal(1)))

    await snapshot.end()
