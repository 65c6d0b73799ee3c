"""Who is asking is remembered for ten seconds, and forgotten at once when another process changes who may."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from auth.desk import LoginDesk
from auth.models import LoginRow, Portal
from domain.kernel.actor import Actor
from domain.kernel.errors import StaleEnvironment
from domain.users import actions as users
from opscom.platform import Platform
from tenants.environments import Environment
from tests.auth.conftest import Person, logged_in
from tests.patience import patience

ADMIN = Actor.system("tests")


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time that was set."""
        return self.now


@pytest.fixture
def hands(platform: Platform) -> Hands:
    """A clock that stands."""
    return Hands(platform.clock())


@pytest.fixture
def standing(platform: Platform, hands: Hands) -> LoginDesk:
    """A desk for which no time passes."""
    return LoginDesk(platform.databases, platform.bus, hands)


async def _end_without_a_note(platform: Platform, environment: Environment) -> None:
    async with platform.databases.work(environment, ADMIN) as work:
        await work.execute(update(LoginRow).values(ended_at=work.now))


async def test_an_answer_is_remembered_for_ten_seconds_and_no_longer(
    platform: Platform, standing: LoginDesk, hands: Hands, tenant: Environment, bob: Person
) -> None:
    cookies = await logged_in(standing, tenant, bob)
    actor = await standing.identify(tenant, Portal.USER, cookies)
    await _end_without_a_note(platform, tenant)

    hands.now += timedelta(seconds=9.9)
    assert await standing.identify(tenant, Portal.USER, cookies) is actor
    hands.now += timedelta(seconds=0.1)
    assert await standing.identify(tenant, Portal.USER, cookies) == Actor.guest()


async def test_a_change_by_another_process_is_noticed_by_its_note(
    platform: Platform, standing: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Time stands, so that nothing but the note can be the cause."""
    cookies = await logged_in(standing, tenant, bob)
    assert (await standing.identify(tenant, Portal.USER, cookies)).user_id == bob.id

    async with platform.databases.work(tenant, ADMIN) as work:
        await users.disable(work, bob.id)

    async with patience():
        while (await standing.identify(tenant, Portal.USER, cookies)).user_id is not None:
            await platform.bus.publish(tenant.id, frozenset({"access"}))  # one before the subscription stood is lost
            await asyncio.sleep(0)


async def test_a_note_about_something_else_drops_nothing(
    platform: Platform, standing: LoginDesk, tenant: Environment, bob: Person
) -> None:
    cookies = await logged_in(standing, tenant, bob)
    actor = await standing.identify(tenant, Portal.USER, cookies)
    await _end_without_a_note(platform, tenant)
    heard: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    platform.bus.follow(tenant.id, heard.put_nowait)

    async with patience():
        while heard.empty():
            await platform.bus.publish(tenant.id, frozenset({"occupancy"}))
            await asyncio.sleep(0)

    assert await standing.identify(tenant, Portal.USER, cookies) is actor
    platform.bus.unfollow(tenant.id, heard.put_nowait)


async def test_an_answer_that_was_overtaken_by_a_change_is_not_remembered(
    platform: Platform, hands: Hands, tenant: Environment, bob: Person
) -> None:
    """A note that arrives while the answer is read: it was read before the change and must not outlive it."""
    desk = LoginDesk(platform.databases, platform.bus, hands)
    cookies = await logged_in(desk, tenant, bob)
    asking = asyncio.create_task(desk.identify(tenant, Portal.USER, cookies))
    await asyncio.sleep(0)
    desk.identities.forget(tenant.id)
    await asking
    await _end_without_a_note(platform, tenant)

    assert await desk.identify(tenant, Portal.USER, cookies) == Actor.guest()


async def test_who_was_known_in_one_copy_of_the_data_is_looked_up_in_the_next(
    standing: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """After a restore, also where its note was lost: the logins of before are none of the data of now."""
    cookies = await logged_in(standing, tenant, bob)
    assert (await standing.identify(tenant, Portal.USER, cookies)).user_id == bob.id

    with pytest.raises(StaleEnvironment):  # it asks there, and there is no such schema
        await standing.identify(replace(tenant, schema="s_another"), Portal.USER, cookies)


async def test_a_guest_is_known_while_the_database_is_away(platform: Platform, tenant: Environment) -> None:
    """Most who ask have no cookie: they cost no query, so an outage is not theirs."""
    nowhere = replace(tenant, schema="s_nowhere", role="nobody_at_all")
    desk = LoginDesk(platform.databases, platform.bus, platform.clock)

    assert await desk.identify(nowhere, Portal.USER, "theme=dark") == Actor.guest()
    with pytest.raises(StaleEnvironment):
        await desk.identify(nowhere, Portal.USER, "__Host-opscom=abc")
