"""Isolation as a property: whatever happens in whatever order, nobody sees anything of another environment."""

from collections.abc import Awaitable, Iterator

import pytest

from opscom.platform import Platform
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.isolation import acts
from tests.isolation.machine import play, staged
from tests.isolation.world import EVERYBODY, OWNERS, World

# Of a request whose client hangs up, graphql-core leaves those resolvers unawaited that it had not come to.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

HAPPENED = {
    *("written", "refused by the database", "read as written", "cookies refused", "logins refused"),
    *("attempts of jobs", "refreshed", "restored", "renamed", "deleted", "suspendTenant", "resumeTenant"),
    *("an answer", "a live map", "a table", "the run ledger", "a backup", "an export", "an e-mail"),
}
"""What must have come about, with marks in it to be seen: a machine that does nothing finds nothing."""


async def test_everything_that_can_happen_comes_about(platform: Platform, desk: Desk, make_tenant: MakeTenant) -> None:
    """In one order at least; the next test does it in any."""
    async with staged(platform, desk, make_tenant) as stage:
        for act in _everything(stage.world):
            await act
            await stage.looking.around()
        await stage.looking.everywhere()

        assert {what for what, times in stage.world.done.items() if times} >= HAPPENED


async def test_whatever_happens_nobody_sees_a_neighbour(
    platform: Platform, desk: Desk, make_tenant: MakeTenant
) -> None:
    async with staged(platform, desk, make_tenant) as stage:
        await play(stage)


def _everything(world: World) -> Iterator[Awaitable[None]]:
    for number, label in enumerate(EVERYBODY):
        yield acts.add_group(world, label, number % 2)
        yield acts.add_group_twice(world, label, number % 2)
        yield acts.fail_in_sql(world, label)
        yield acts.fail_by_timeout(world, label)
        yield acts.queue_job(world, label)
        yield acts.write_mail(world, label)
        yield acts.hang_up(world, label, number % 2, 5 * number)
        yield acts.carry_cookies(world, label, EVERYBODY[number - 1], number % 2)
    yield acts.work_off(world)
    for number, label in enumerate(EVERYBODY):
        yield acts.read(world, label, number % 2)
        yield acts.read_with_error(world, label, number % 2)
        yield acts.read_as_guest(world, label, number % 2)
        yield acts.read_mail(world, label, number % 2)
        yield acts.export_data(world, label)
        yield acts.log_in_again(world, label)
        yield acts.fail_to_log_in(world, label, number % 2)
    for label in OWNERS:
        yield acts.restore_backup(world, label, 0)
        yield acts.read(world, label, 1)
    yield acts.refresh_preview(world, 0)
    yield acts.suspend(world, "a", is_suspended=True)
    yield acts.suspend(world, "a", is_suspended=False)
    yield acts.rename(world, "b")
    yield acts.hear(world)
    yield acts.replace_tenant(world, "c")
    yield acts.end_backends(world, only_idle=True)
    yield acts.end_backends(world, only_idle=False)
    for label in EVERYBODY:
        yield acts.read(world, label, 1)
