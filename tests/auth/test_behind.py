"""Who stands behind logins that began a while ago: asked in one statement, and told of by the topic ``access``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from auth import logins
from auth.accounts import set_password
from auth.asking import Caller
from auth.desk import LoginDesk
from auth.models import Portal
from auth.throttle import Throttle
from domain.kernel.actor import Actor, Permission
from domain.users import actions as users
from domain.users.models import UserType
from opscom.platform import Platform
from tests.auth.conftest import MakePerson, Person, cookie_header
from tests.fixtures.parking import Parking, staff

ADMIN = Actor.system("tests")


@dataclass
class Scene:
    """Bob, logged in at a desk whose topics the test hears."""

    parking: Parking
    desk: LoginDesk
    bob: Person
    cookies: str
    actor: Actor

    @property
    def login_id(self) -> UUID:
        """The login of Bob's."""
        assert self.actor.login_id is not None
        return self.actor.login_id

    async def behind(self) -> dict[UUID, Actor]:
        """Who stands behind it."""
        return dict(await self.desk.behind(self.parking.environment, frozenset({self.login_id})))


@pytest.fixture
async def scene(platform: Platform, parking: Parking, bob: Person) -> AsyncIterator[Scene]:
    """A desk by the clock of the test."""
    throttle = Throttle(platform.bus.redis, f"throttle-{uuid4()}")
    desk = LoginDesk(parking.databases, platform.bus, parking.clock, throttle=throttle)
    done = await desk.log_in(parking.environment, Portal.USER, bob.entered, Caller())
    parking.published.clear()
    yield Scene(parking, desk, bob, cookie_header(done.set_cookies), done.actor)
    await desk.close()


async def log_out(scene: Scene) -> None:
    await scene.desk.log_out(scene.parking.environment, Portal.USER, scene.actor)


async def log_in_again(scene: Scene) -> None:
    again = Caller(cookies=scene.cookies)
    await scene.desk.log_in(scene.parking.environment, Portal.USER, scene.bob.entered, again)


async def end_by_staff(scene: Scene) -> None:
    async with scene.parking.work(staff(Permission.MANAGE_USERS)) as work:
        await logins.end(work, scene.login_id)


async def disable(scene: Scene) -> None:
    async with scene.parking.work(ADMIN) as work:
        await users.disable(work, scene.bob.id)


async def archive(scene: Scene) -> None:
    async with scene.parking.work(ADMIN) as work:
        await users.archive(work, scene.bob.id)


async def give_password(scene: Scene) -> None:
    hashed = await scene.desk.passwords.hash("another horse battery")
    async with scene.parking.work(ADMIN) as work:
        await set_password(work, scene.bob.id, hashed)


async def grant_role(scene: Scene) -> None:
    async with scene.parking.work(ADMIN) as work:
        await users.grant_role(work, scene.bob.id, "Viewer")


async def change_type(scene: Scene) -> None:
    async with scene.parking.work(ADMIN) as work:
        await users.change_type(work, scene.bob.id, (await work.scalars(select(UserType.id)))[0])


ENDINGS: list[Callable[[Scene], Awaitable[None]]] = [
    log_out,
    log_in_again,
    end_by_staff,
    disable,
    archive,
    give_password,
    grant_role,
    change_type,
]


@pytest.mark.parametrize("end", ENDINGS)
async def test_whatever_ends_a_login_is_told_of_and_nobody_stands_behind_it(
    scene: Scene, end: Callable[[Scene], Awaitable[None]]
) -> None:
    assert await scene.behind() == {scene.login_id: scene.actor}

    await end(scene)

    assert [topics for topics in scene.parking.published if "access" in topics]
    assert await scene.behind() == {}


async def test_a_role_that_is_taken_ends_the_login_too(scene: Scene, ann: Person) -> None:
    done = await scene.desk.log_in(scene.parking.environment, Portal.ADMIN, ann.entered, Caller())
    assert done.actor.login_id is not None
    scene.parking.published.clear()

    async with scene.parking.work(ADMIN) as work:
        await users.take_role(work, ann.id, "Administrator")

    assert scene.parking.published == [frozenset({"access"})]
    assert await scene.desk.behind(scene.parking.environment, frozenset({done.actor.login_id})) == {}


async def test_a_login_that_was_not_used_for_long_stands_for_nobody(scene: Scene) -> None:
    scene.parking.clock.advance(days=6.9)
    assert await scene.behind() == {scene.login_id: scene.actor}
    scene.parking.clock.advance(days=0.2)

    assert await scene.behind() == {}


async def test_all_logins_of_a_site_are_one_statement_whatever_their_portal(
    scene: Scene, ann: Person, make_person: MakePerson
) -> None:
    environment = scene.parking.environment
    carol = await make_person(environment, "carol")
    wishes = ((ann, Portal.ADMIN), (ann, Portal.USER), (carol, Portal.USER))
    actors = [(await scene.desk.log_in(environment, p, who.entered, Caller())).actor for who, p in wishes]
    wanted = {actor.login_id: actor for actor in [scene.actor, *actors] if actor.login_id is not None}

    with scene.parking.counting() as statements:
        found = await scene.desk.behind(environment, frozenset({*wanted, uuid4()}))

    assert found == wanted
    assert len(statements) == 1
