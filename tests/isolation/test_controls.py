"""Negative controls: the machine that finds nothing in the product finds each mistake that is put into it.

A proof that can not fail proves nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gateway.answers import GuestAnswers
from opscom.platform import Platform
from tenants.databases import Databases
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.isolation.leaky import (
    ByCookieAlone,
    CurrentTenant,
    LoadedForTheProcess,
    OneKeyForAll,
    PublicInThePath,
    SetForTheConnection,
    databases_of,
    shared_table,
)
from tests.isolation.machine import play, staged
from tests.isolation.world import Leak, Parts, quick_desk

EXAMPLES = 12
# As in test_machine.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

PlayWith = Callable[[Parts], Awaitable[str]]


@pytest.fixture
async def play_with(platform: Platform, desk: Desk, make_tenant: MakeTenant) -> PlayWith:
    """Plays with leaky parts, and returns what was found."""

    async def found(parts: Parts) -> str:
        async with staged(platform, desk, make_tenant, parts) as stage:
            with pytest.raises(Leak) as leak:
                await play(stage, examples=EXAMPLES)
        return str(leak.value)

    return found


@pytest.mark.parametrize("leaky", [SetForTheConnection, CurrentTenant, LoadedForTheProcess])
async def test_a_binding_or_reading_that_outlives_its_transaction_is_found(
    play_with: PlayWith, leaky: type[Databases]
) -> None:
    assert "shows" in await play_with(Parts(databases=databases_of(leaky)))


async def test_a_shared_schema_in_the_path_is_found(
    play_with: PlayWith, platform: Platform, make_tenant: MakeTenant
) -> None:
    async with shared_table(platform, await make_tenant(), "lot_group"):
        assert "shows" in await play_with(Parts(databases=databases_of(PublicInThePath)))


async def test_an_answer_that_is_kept_without_its_environment_is_found(play_with: PlayWith) -> None:
    def made(platform: Platform) -> GuestAnswers:
        return OneKeyForAll(platform.registry, platform.bus)

    assert "an answer of" in await play_with(Parts(answers=made))


async def test_a_login_that_is_remembered_without_its_environment_is_found(play_with: PlayWith) -> None:
    assert "the cookies of" in await play_with(Parts(desk=lambda platform: quick_desk(platform, ByCookieAlone)))
