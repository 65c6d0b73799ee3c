"""Guessing names and passwords: same answer, same time, and counted. Numbers are those of the security reference."""

import asyncio
import statistics
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis
from sqlalchemy import func, select

from auth import throttle as throttling
from auth.asking import Caller, Entered
from auth.desk import LoginDesk
from auth.errors import LoginRefused, TooManyAttempts
from auth.models import LoginRow, Portal
from auth.passwords import Passwords
from auth.throttle import Limits, Throttle
from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError
from domain.users import actions as users
from domain.users.errors import UserNameInvalid, UserNameTaken
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform
from tenants.bus import Bus
from tenants.environments import Environment
from tests.auth.conftest import MakePerson, Person, cookie_header, logged_in
from tests.patience import PATIENCE_S

ADMIN = Actor.system("tests")
STRANGER = Caller("203.0.113.66")
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
TIGHT = Limits(account=3, device=3, address=6, site=9)

MakeDesk = Callable[..., LoginDesk]


@pytest.fixture
def tight(platform: Platform, redis: Redis) -> LoginDesk:
    """A desk with few tries, and a quick hash since it is not about hashing."""
    counts = Throttle(redis, f"tight-{uuid4()}", TIGHT, patience_s=PATIENCE_S)
    return LoginDesk(
        platform.databases, platform.bus, platform.clock, passwords=Passwords(QUICK, waiting=1000), throttle=counts
    )


async def refused(desk: LoginDesk, environment: Environment, user_name: str, caller: Caller = STRANGER) -> ParkingError:
    """Try a wrong password and return the error."""
    with pytest.raises(ParkingError) as error:
        await desk.log_in(environment, Portal.USER, Entered(user_name, "wrong"), caller)
    return error.value


async def test_every_failure_answers_alike(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person, make_person: MakePerson
) -> None:
    """Attack 9: unknown, wrong, disabled, wrong source, wrong portal."""
    gone = await make_person(tenant, "gone")
    async with platform.databases.work(tenant, ADMIN) as work:
        await users.disable(work, gone.id)
    tries = [
        (Portal.USER, Entered("nobody", "x" * 20)),
        (Portal.USER, Entered(bob.user_name, "x" * 20)),
        (Portal.USER, gone.entered),
        (Portal.USER, Entered(bob.user_name, bob.password, "ldap")),
        (Portal.USER, Entered(bob.user_name, bob.password, "\0")),
        (Portal.USER, Entered("\0", bob.password)),
        (Portal.USER, Entered("x" * 10_000, bob.password)),
        (Portal.USER, Entered(bob.user_name, "x" * 1_000_000)),
        (Portal.USER, Entered("\ud800", "\ud800")),
        (Portal.ADMIN, bob.entered),
    ]

    answers = set()
    for portal, entered in tries:
        with pytest.raises(LoginRefused) as error:
            await desk.log_in(tenant, portal, entered, Caller())
        answers.add((error.value.code, error.value.message, error.value.field, str(error.value.details)))

    assert answers == {("login.refused", "The user name or the password is wrong.", None, "{}")}


async def test_unknown_names_take_as_long_as_known_ones(
    platform: Platform, redis: Redis, tenant: Environment, bob: Person
) -> None:
    """Attack 9: a hash takes 30 ms and more of a processor, so its absence could not hide.

    Medians of interleaved tries, in the time of this process: what else the machine does is no difference.
    """
    counts = Throttle(redis, f"timing-{uuid4()}", Limits(1000, 1000, 1000, 1000), patience_s=PATIENCE_S)
    desk = LoginDesk(platform.databases, platform.bus, platform.clock, throttle=counts)
    took: dict[str, list[float]] = {bob.user_name: [], "nobody": []}
    for _ in range(40):
        for name, times in took.items():
            started = time.process_time()
            await refused(desk, tenant, name)
            times.append(time.process_time() - started)
    await desk.close()

    known, unknown = (statistics.median(times) for times in took.values())
    assert abs(known - unknown) < 0.3 * known


async def test_a_password_of_a_megabyte_is_never_hashed(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 82: its length alone refuses it, wherever passwords are read."""
    took: list[float] = []
    for password in ("x" * 1_000, "x" * 1_000_000):
        started = time.process_time()
        assert not (await desk.passwords.verify(password, None)).is_right
        took.append(time.process_time() - started)

    assert took[1] < took[0] / 2


async def test_an_account_allows_few_failures(tight: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 10: and then the right password does not help a stranger either."""
    for _ in range(TIGHT.account):
        assert isinstance(await refused(tight, tenant, bob.user_name), LoginRefused)

    with pytest.raises(TooManyAttempts) as error:
        await tight.log_in(tenant, Portal.USER, bob.entered, STRANGER)

    assert 0 < int(error.value.details["retry_after"] or 0) <= TIGHT.minutes * 60


async def test_an_unknown_account_is_throttled_like_a_known_one(
    tight: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 9: being throttled tells nobody that an account exists."""
    for name in (bob.user_name, "nobody"):
        codes = [(await refused(tight, tenant, name, Caller(f"192.0.2.{i}"))).code for i in range(5)]
        assert codes == ["login.refused"] * 3 + ["login.too_many_attempts"] * 2


async def test_the_owner_gets_in_where_strangers_filled_the_count(
    tight: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 10: no lock keeps out a device that the owner logged in with before."""
    cookies = await logged_in(tight, tenant, bob)
    for i in range(TIGHT.site + 1):
        await refused(tight, tenant, bob.user_name, Caller(f"192.0.2.{i}"))

    device = cookies.partition("; ")[2]
    done = await tight.log_in(tenant, Portal.USER, bob.entered, Caller("192.0.2.1", cookies=device))

    assert done.actor.user_id == bob.id


async def test_a_known_device_is_throttled_by_itself(tight: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 10: a stolen device cookie allows as few failures as anything else."""
    device = (await logged_in(tight, tenant, bob)).partition("; ")[2]

    codes = [(await refused(tight, tenant, bob.user_name, Caller("", "", device))).code for _ in range(4)]

    assert codes == ["login.refused"] * 3 + ["login.too_many_attempts"]


async def test_the_device_cookie_of_one_account_opens_no_other(
    tight: LoginDesk, tenant: Environment, bob: Person, make_person: MakePerson
) -> None:
    await make_person(tenant, "eve")
    done = await tight.log_in(tenant, Portal.USER, Entered("eve", bob.password), STRANGER)
    device = cookie_header(done.set_cookies).partition("; ")[2]

    codes = [(await refused(tight, tenant, bob.user_name, Caller("", "", device))).code for _ in range(4)]
    assert codes[-1] == "login.too_many_attempts"
    with pytest.raises(TooManyAttempts):
        await tight.log_in(tenant, Portal.USER, bob.entered, Caller("", "", device))


@pytest.mark.parametrize("cookie", ["", "x", "1:", "1:AAAA", "²:AAAA", "9:AAAA", "1:" + "A" * 4000])
async def test_a_made_up_device_cookie_is_no_device(
    tight: LoginDesk, tenant: Environment, bob: Person, cookie: str
) -> None:
    caller = Caller("192.0.2.1", cookies=f"__Host-opscom-device={cookie}")

    codes = [(await refused(tight, tenant, bob.user_name, caller)).code for _ in range(4)]

    assert codes[-1] == "login.too_many_attempts"


async def test_a_burst_does_not_slip_past_the_count(
    platform: Platform, tight: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 10 and 11: 200 at once, as aliases of one request would be, are counted one by one."""
    tries = (tight.log_in(tenant, Portal.USER, Entered(bob.user_name, "wrong"), STRANGER) for _ in range(200))

    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(outcome, LoginRefused) for outcome in outcomes) == TIGHT.account
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in outcomes) == 200 - TIGHT.account


async def test_spraying_over_accounts_from_one_address_is_stopped(tight: LoginDesk, tenant: Environment) -> None:
    """Attack 12."""
    codes = [(await refused(tight, tenant, f"person-{i}")).code for i in range(8)]

    assert codes == ["login.refused"] * TIGHT.address + ["login.too_many_attempts"] * 2


async def test_spraying_from_many_addresses_is_stopped_per_site(tight: LoginDesk, tenant: Environment) -> None:
    """Attack 10: and a neighbouring site is not affected."""
    codes = [(await refused(tight, tenant, f"person-{i}", Caller(f"192.0.2.{i}"))).code for i in range(11)]

    assert codes == ["login.refused"] * TIGHT.site + ["login.too_many_attempts"] * 2


async def test_another_site_has_counts_of_its_own(
    tight: LoginDesk, tenant: Environment, bob: Person, make_tenant: Callable[..., object]
) -> None:
    for _ in range(TIGHT.account + 1):
        await refused(tight, tenant, bob.user_name)

    other = await make_tenant()  # type: ignore[misc]

    assert isinstance(await refused(tight, other, bob.user_name), LoginRefused)


async def test_good_logins_of_a_campus_behind_one_address_are_not_counted(
    tight: LoginDesk, tenant: Environment, make_person: MakePerson
) -> None:
    people = [await make_person(tenant, f"student-{i}") for i in range(3)]

    for _ in range(4):
        for person in people:
            assert await logged_in(tight, tenant, person)


async def test_a_network_of_one_host_is_one_address() -> None:
    assert throttling.neighbourhood("2001:db8:1:2:3::4") == throttling.neighbourhood("2001:db8:1:2:ffff::1")
    assert throttling.neighbourhood("::ffff:192.0.2.1") == "192.0.2.1"
    assert throttling.neighbourhood("not an address") == "unknown"


async def test_a_used_up_count_ends_by_itself(redis: Redis, tight: LoginDesk, tenant: Environment) -> None:
    """Attack 10: later tries do not draw the window out, so no lock is for ever."""
    for _ in range(TIGHT.account + 3):
        await refused(tight, tenant, "nobody")

    keys = [key async for key in redis.scan_iter("tight-*")]
    assert keys
    assert all(0 < seconds <= TIGHT.minutes * 60 for seconds in [await redis.ttl(key) for key in keys])


async def test_without_redis_the_count_goes_on_in_this_process(
    platform: Platform, tenant: Environment, bob: Person, own_valkey: EmbeddedValkey
) -> None:
    """Throttles fall back to in-process, never open."""
    bus = Bus(own_valkey.url, "away")
    counts = Throttle(bus.redis, "away", TIGHT)
    desk = LoginDesk(platform.databases, bus, platform.clock, passwords=Passwords(QUICK), throttle=counts)
    own_valkey.stop()

    codes = [(await refused(desk, tenant, bob.user_name)).code for _ in range(4)]

    assert codes == ["login.refused"] * 3 + ["login.too_many_attempts"]
    await desk.close()
    await bus.close()


@pytest.mark.parametrize("twin", ["BOB", " bob ", "bob.", "ｂｏｂ", "bob\u00a0"])  # noqa: RUF001 - full-width on purpose
async def test_a_name_that_is_the_same_to_people_is_taken(
    platform: Platform, tenant: Environment, bob: Person, twin: str
) -> None:
    """Attack 17: case, width, space and dot make no second account."""
    with pytest.raises(UserNameTaken):
        async with platform.databases.work(tenant, ADMIN) as work:
            await users.create(work, twin, "Twin")


@pytest.mark.parametrize("name", ["", " ", "bo\0b", "b" * 255, "bob\u202e", "someone@tomahawku.example"])
async def test_a_name_that_deceives_is_refused(platform: Platform, tenant: Environment, name: str) -> None:
    """Attack 17."""
    with pytest.raises(UserNameInvalid):
        async with platform.databases.work(tenant, ADMIN) as work:
            await users.create(work, name, "Deceiver")


async def test_a_look_alike_is_somebody_else(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 17: Cyrillic letters that look like Latin ones never lead to the Latin account."""
    with pytest.raises(LoginRefused):
        await desk.log_in(tenant, Portal.USER, Entered("bоb", bob.password), Caller())  # noqa: RUF001

    async with platform.databases.work(tenant, ADMIN) as work:
        assert await work.scalar(select(func.count()).select_from(LoginRow)) == 0
