"""A log-in desk whose counts are its own, and people to log in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from auth.accounts import NewAccount, create_account
from auth.asking import Caller, Entered
from auth.desk import LoginDesk
from auth.models import Portal
from auth.throttle import Throttle
from domain.kernel.actor import Actor
from opscom.platform import Platform
from tenants.environments import Environment
from tests.patience import PATIENCE_S

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    """An account of a test, with its password."""

    id: UUID
    user_name: str
    password: str

    @property
    def entered(self) -> Entered:
        """What the person types to log in."""
        return Entered(self.user_name, self.password)


MakePerson = Callable[..., Awaitable[Person]]


@pytest.fixture
async def redis(platform: Platform) -> AsyncIterator[Redis]:
    """Where tries are counted, waited for long: on a busy machine too, counts are not taken over by the process."""
    redis: Redis = Redis.from_url(
        platform.settings.redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    )
    yield redis
    await redis.aclose()


@pytest.fixture
async def desk(platform: Platform, redis: Redis) -> AsyncIterator[LoginDesk]:
    """A desk for one test, with throttle counts of its own."""
    throttle = Throttle(redis, f"throttle-{uuid4()}", patience_s=PATIENCE_S)
    desk = LoginDesk(platform.databases, platform.bus, platform.clock, throttle=throttle)
    yield desk
    await desk.close()


@pytest.fixture
def make_person(platform: Platform, desk: LoginDesk) -> MakePerson:
    """Make a local account; ``role`` makes it staff."""

    async def make(environment: Environment, user_name: str, *, role: str | None = None) -> Person:
        password_hash = await desk.passwords.hash(PASSWORD)
        async with platform.databases.work(environment, Actor.system("tests")) as work:
            user_id = await create_account(work, NewAccount(user_name, "A Person", role=role), password_hash)
        return Person(user_id, user_name, PASSWORD)

    return make


@pytest.fixture
async def ann(tenant: Environment, make_person: MakePerson) -> Person:
    """An administrator of the tenant."""
    return await make_person(tenant, "ann", role="Administrator")


@pytest.fixture
async def bob(tenant: Environment, make_person: MakePerson) -> Person:
    """A user of the tenant without any role."""
    return await make_person(tenant, "bob")


def cookie_header(set_cookies: tuple[str, ...]) -> str:
    """What a browser sends back."""
    return "; ".join(cookie.partition(";")[0] for cookie in set_cookies)


async def logged_in(desk: LoginDesk, environment: Environment, person: Person, portal: Portal = Portal.USER) -> str:
    """Log in and return the Cookie header."""
    done = await desk.log_in(environment, portal, person.entered, Caller("198.51.100.7", "tests"))
    return cookie_header(done.set_cookies)
