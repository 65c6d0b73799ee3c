"""The platform's own staff: accounts of the ops host, which no tenant knows, and the other way round."""

from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, update

from auth.asking import Caller, Entered
from auth.desks import Desks, open_desks
from auth.errors import LoginRefused, TooManyAttempts
from auth.models import Portal
from auth.staff import NewStaff, StaffNotFound
from auth.throttle import Throttle
from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Conflict
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.registry.models import RegistryAuditRow, StaffLoginRow, StaffRow
from tests.auth.conftest import PASSWORD, Person, cookie_header, logged_in
from tests.patience import PATIENCE_S


@pytest.fixture
def desks(platform: Platform, redis: Redis) -> Desks:
    """Both desks of a process."""
    throttle = Throttle(redis, f"staff-{uuid4()}", patience_s=PATIENCE_S)
    return open_desks(platform.databases, platform.bus, platform.clock, throttle=throttle)


@pytest.fixture
async def operator(desks: Desks) -> Entered:
    """An account of staff, as its owner types it."""
    name = f"operator-{uuid4()}"
    await desks.staff.create(NewStaff(name, "An Operator"), PASSWORD, actor="tests")
    return Entered(name, PASSWORD)


async def test_staff_log_in_and_out_on_the_ops_host(desks: Desks, operator: Entered) -> None:
    done = await desks.staff.log_in(operator, Caller("192.0.2.1"))
    cookies = cookie_header(done.set_cookies)

    actor = await desks.staff.identify(cookies)
    assert (actor.kind, actor.name) == (ActorKind.PLATFORM, "An Operator")
    assert actor.may(Permission.MANAGE_TENANTS)
    assert not actor.may(Permission.MANAGE_LOTS)

    await desks.staff.log_out(actor)
    assert await desks.staff.identify(cookies) == Actor.guest()


async def test_a_name_of_staff_is_taken_in_any_case(desks: Desks, operator: Entered) -> None:
    with pytest.raises(Conflict):
        await desks.staff.create(NewStaff(operator.user_name.upper(), "Twin"), PASSWORD, actor="tests")


@pytest.mark.parametrize(
    ("user_name", "password"), [("nobody", PASSWORD), ("", PASSWORD), ("OWN", "wrong"), ("OWN", "")]
)
async def test_every_failure_of_staff_answers_alike(
    desks: Desks, operator: Entered, user_name: str, password: str
) -> None:
    typed = Entered(operator.user_name if user_name == "OWN" else user_name, password)

    with pytest.raises(LoginRefused):
        await desks.staff.log_in(typed, Caller())


async def test_the_audit_of_logins_has_the_name_that_the_audit_of_deeds_has(
    desks: Desks, operator: Entered, platform: Platform
) -> None:
    """One list named the same person by an id in some lines and by name in others."""
    done = await desks.staff.log_in(operator, Caller("192.0.2.7"))
    with pytest.raises(LoginRefused):
        await desks.staff.log_in(Entered(operator.user_name, "wrong"), Caller("192.0.2.7"))

    wanted = select(RegistryAuditRow).where(RegistryAuditRow.facts["staff"].as_string() == str(done.actor.subject))
    async with platform.databases.control().connect() as connection:
        lines = (await connection.execute(wanted.order_by(RegistryAuditRow.id.desc()).limit(2))).all()
    assert [(line.actor, line.action) for line in lines] == [
        ("An Operator", "staff_login_refused"),
        ("An Operator", "staff_logged_in"),
    ]
    assert {line.facts["address"] for line in lines} == {"192.0.2.7"}


async def test_a_tenants_administrator_is_nobody_on_the_ops_host(
    desks: Desks, tenant: Environment, ann: Person
) -> None:
    """Attack 1: neither by password nor by cookie."""
    cookies = await logged_in(desks.tenants, tenant, ann, Portal.ADMIN)

    assert await desks.staff.identify(cookies.replace("opscom-admin=", "opscom-ops=")) == Actor.guest()
    with pytest.raises(LoginRefused):
        await desks.staff.log_in(ann.entered, Caller())


async def test_staff_are_nobody_at_a_tenant(desks: Desks, operator: Entered, tenant: Environment) -> None:
    cookies = cookie_header((await desks.staff.log_in(operator, Caller())).set_cookies)

    for portal, name in ((Portal.USER, "opscom="), (Portal.ADMIN, "opscom-admin=")):
        assert await desks.tenants.identify(tenant, portal, cookies.replace("opscom-ops=", name)) == Actor.guest()


@pytest.mark.parametrize(
    "values",
    [{"is_active": False}, {"access_version": StaffRow.access_version + 1}],
    ids=["inactive", "new access version"],
)
async def test_a_change_of_access_ends_the_logins_of_staff(
    platform: Platform, desks: Desks, operator: Entered, values: dict[str, object]
) -> None:
    cookies = cookie_header((await desks.staff.log_in(operator, Caller())).set_cookies)

    async with platform.databases.control().begin() as connection:
        await connection.execute(update(StaffRow).where(StaffRow.user_name == operator.user_name).values(values))

    assert await desks.staff.identify(cookies) == Actor.guest()


async def test_a_new_password_ends_the_logins_of_staff(desks: Desks, operator: Entered) -> None:
    cookies = cookie_header((await desks.staff.log_in(operator, Caller())).set_cookies)

    await desks.staff.set_password(operator.user_name, "another horse battery", actor="tests")

    assert await desks.staff.identify(cookies) == Actor.guest()
    with pytest.raises(StaffNotFound):
        await desks.staff.set_password("nobody", PASSWORD, actor="tests")


async def test_an_unused_login_of_staff_ends_within_the_hour(
    platform: Platform, desks: Desks, operator: Entered
) -> None:
    done = await desks.staff.log_in(operator, Caller())
    async with platform.databases.control().begin() as connection:
        row = update(StaffLoginRow).where(StaffLoginRow.id == done.actor.login_id)
        await connection.execute(row.values(last_seen_at=platform.clock() - timedelta(hours=1)))

    assert await desks.staff.identify(cookie_header(done.set_cookies)) == Actor.guest()


async def test_guessing_the_password_of_staff_is_throttled(desks: Desks, operator: Entered) -> None:
    for _ in range(10):
        with pytest.raises(LoginRefused):
            await desks.staff.log_in(Entered(operator.user_name, "wrong"), Caller("192.0.2.1"))

    with pytest.raises(TooManyAttempts):
        await desks.staff.log_in(operator, Caller("192.0.2.1"))
