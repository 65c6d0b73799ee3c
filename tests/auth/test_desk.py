"""Logging in and out, and who is asking afterwards. Numbers in docstrings are those of the security reference."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, text, update

from auth import logins
from auth.accounts import set_password
from auth.asking import Caller, Entered
from auth.desk import LoginDesk
from auth.errors import LoginRefused
from auth.models import LoginAttempt, LoginRow, LoginSourceRow, PasswordCredential, Portal
from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.model import Model
from domain.kernel.work import Work
from domain.users import actions as users
from domain.users.models import User, UserType
from opscom.platform import Platform
from tenants.environments import Environment, State
from tests.auth.conftest import PASSWORD, MakePerson, Person, cookie_header, logged_in
from tests.fixtures.platform import MakeTenant

ADMIN = Actor.system("tests")


async def test_a_login_identifies_its_owner(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    cookies = await logged_in(desk, tenant, bob)

    actor = await desk.identify(tenant, Portal.USER, cookies)

    assert (actor.kind, actor.user_id, actor.permissions) == (ActorKind.USER, bob.id, frozenset())


async def test_without_a_cookie_one_is_a_guest(desk: LoginDesk, tenant: Environment) -> None:
    assert await desk.identify(tenant, Portal.USER, "theme=dark") == Actor.guest()


async def test_an_administrator_is_staff_in_the_admin_portal_only(
    desk: LoginDesk, tenant: Environment, ann: Person
) -> None:
    admin = await logged_in(desk, tenant, ann, Portal.ADMIN)
    user = await logged_in(desk, tenant, ann, Portal.USER)

    assert (await desk.identify(tenant, Portal.ADMIN, admin)).may(Permission.MANAGE_LOTS)
    assert not (await desk.identify(tenant, Portal.USER, user)).permissions
    assert await desk.identify(tenant, Portal.ADMIN, user.replace("opscom=", "opscom-admin=")) == Actor.guest()


async def test_people_may_log_in_by_their_email(platform: Platform, desk: LoginDesk, tenant: Environment) -> None:
    hashed = await desk.passwords.hash(PASSWORD)
    async with platform.databases.work(tenant, ADMIN) as work:
        user_id = await users.create(work, "carol", "Carol", email="Carol@tomahawku.example")
        await set_password(work, user_id, hashed)

    done = await desk.log_in(tenant, Portal.USER, Entered("carol@TOMAHAWKU.example", PASSWORD), Caller())

    assert done.actor.user_id == user_id


async def test_a_cookie_of_one_tenant_is_nobody_at_another(
    desk: LoginDesk, tenant: Environment, bob: Person, make_tenant: MakeTenant, make_person: MakePerson
) -> None:
    """Attack 1: the cookie of tenant A's host sent to tenant B's, which has a person of the same name."""
    other = await make_tenant()
    await make_person(other, bob.user_name)
    cookies = await logged_in(desk, tenant, bob)

    assert await desk.identify(other, Portal.USER, cookies) == Actor.guest()
    assert (await desk.identify(tenant, Portal.USER, cookies)).user_id == bob.id


async def test_a_login_row_copied_into_another_environment_lets_nobody_in(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person, make_tenant: MakeTenant
) -> None:
    """Attack 1: the stored hash is bound to its environment, so a copy of all its rows is worth nothing."""
    cookies = await logged_in(desk, tenant, bob)
    other = await make_tenant()
    copied = (User, PasswordCredential, LoginRow)
    async with platform.databases.work(tenant, ADMIN) as work:
        rows = [(model, row) for model in copied for row in await _all(work, model)]
    async with platform.databases.work(other, ADMIN) as work:
        source_id = await work.scalar(select(LoginSourceRow.id))
        for model, row in rows:
            await work.execute(insert(model).values(row | ({"source_id": source_id} if model is LoginRow else {})))

    assert await desk.identify(other, Portal.USER, cookies) == Actor.guest()


async def test_two_cookies_of_one_name_are_nobody(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 3: what no browser sends comes from somebody who tosses cookies."""
    cookies = await logged_in(desk, tenant, bob)

    assert await desk.identify(tenant, Portal.USER, f"__Host-opscom=planted; {cookies}") == Actor.guest()


async def test_a_new_login_ends_the_one_the_browser_had(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 6: what was in the browser before the login is dead after it."""
    before = await logged_in(desk, tenant, bob)

    done = await desk.log_in(tenant, Portal.USER, bob.entered, Caller(cookies=before))
    desk.identities.forget(tenant.id)

    assert cookie_header(done.set_cookies) != before
    assert await desk.identify(tenant, Portal.USER, before) == Actor.guest()


async def test_a_token_somebody_chose_never_becomes_a_login(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 6: a fixed token stays nobody's."""
    chosen = "__Host-opscom=chosen-by-an-attacker"

    done = await desk.log_in(tenant, Portal.USER, bob.entered, Caller(cookies=chosen))

    assert "chosen-by-an-attacker" not in "".join(done.set_cookies)
    assert await desk.identify(tenant, Portal.USER, chosen) == Actor.guest()


@pytest.mark.parametrize("why", ["disabled", "archived", "password", "role", "type"])
async def test_every_change_of_access_ends_all_logins(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person, why: str
) -> None:
    """Attack 18, and 13: no login survives what narrows it."""
    cookies = await logged_in(desk, tenant, bob)
    hashed = await desk.passwords.hash("another horse battery")

    async with platform.databases.work(tenant, ADMIN) as work:
        if why == "disabled":
            await users.disable(work, bob.id)
        elif why == "archived":
            await users.archive(work, bob.id)
        elif why == "password":
            await set_password(work, bob.id, hashed)
        elif why == "role":
            await users.grant_role(work, bob.id, "Viewer")
        else:
            await users.change_type(work, bob.id, (await work.scalars(select(UserType.id)))[0])
    desk.identities.forget(tenant.id)

    assert await desk.identify(tenant, Portal.USER, cookies) == Actor.guest()


async def test_a_disabled_source_ends_its_logins(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 13."""
    cookies = await logged_in(desk, tenant, bob)
    async with platform.databases.work(tenant, ADMIN) as work:
        await work.execute(update(LoginSourceRow).values(state="archived"))
    desk.identities.forget(tenant.id)

    assert await desk.identify(tenant, Portal.USER, cookies) == Actor.guest()
    with pytest.raises(LoginRefused):
        await desk.log_in(tenant, Portal.USER, bob.entered, Caller())


async def test_a_suspended_site_knows_nobody_and_lets_nobody_in(
    desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 13."""
    cookies = await logged_in(desk, tenant, bob)
    suspended = replace(tenant, state=State.SUSPENDED)

    assert await desk.identify(suspended, Portal.USER, cookies) == Actor.guest()
    with pytest.raises(LoginRefused):
        await desk.log_in(suspended, Portal.USER, bob.entered, Caller())


async def test_logging_out_kills_the_login_on_the_server(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    """Attack 18."""
    cookies = await logged_in(desk, tenant, bob)
    actor = await desk.identify(tenant, Portal.USER, cookies)

    set_cookies = await desk.log_out(tenant, Portal.USER, actor)

    assert set_cookies == ("__Host-opscom=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",)
    assert await desk.identify(tenant, Portal.USER, cookies) == Actor.guest()


async def test_a_guest_may_log_out_and_nothing_happens(desk: LoginDesk, tenant: Environment) -> None:
    assert await desk.log_out(tenant, Portal.USER, Actor.guest())


@pytest.mark.parametrize("portal", list(Portal))
async def test_an_unused_login_ends(
    platform: Platform, desk: LoginDesk, tenant: Environment, ann: Person, portal: Portal
) -> None:
    """Attack 18: the idle limit, a week for users and four hours for staff."""
    idle = timedelta(days=7) if portal is Portal.USER else timedelta(hours=4)
    cookies = await logged_in(desk, tenant, ann, portal)
    assert (await desk.identify(tenant, portal, cookies)).user_id == ann.id

    async with platform.databases.work(tenant, ADMIN) as work:
        await work.execute(update(LoginRow).values(last_seen_at=work.now - idle))
    desk.identities.forget(tenant.id)

    assert await desk.identify(tenant, portal, cookies) == Actor.guest()


async def test_a_used_login_ends_too_in_the_end(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 18: the absolute limit."""
    cookies = await logged_in(desk, tenant, bob)
    async with platform.databases.work(tenant, ADMIN) as work:
        await work.execute(update(LoginRow).values(expires_at=work.now, last_seen_at=work.now))
    desk.identities.forget(tenant.id)

    assert await desk.identify(tenant, Portal.USER, cookies) == Actor.guest()


async def test_use_is_written_at_most_once_a_minute_and_outside_the_read(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    cookies = await logged_in(desk, tenant, bob)
    fresh = await _last_seen(platform, tenant)

    desk.identities.forget(tenant.id)
    await desk.identify(tenant, Portal.USER, cookies)
    await desk.identities.close()
    assert await _last_seen(platform, tenant) == fresh

    async with platform.databases.work(tenant, ADMIN) as work:
        await work.execute(update(LoginRow).values(last_seen_at=work.now - timedelta(minutes=2)))
    desk.identities.forget(tenant.id)
    await desk.identify(tenant, Portal.USER, cookies)
    await desk.identities.close()
    assert await _last_seen(platform, tenant) > fresh


async def test_people_end_another_login_of_their_own(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 18: a lost device is logged out from elsewhere."""
    phone, desktop = await logged_in(desk, tenant, bob), await logged_in(desk, tenant, bob)
    actor = await desk.identify(tenant, Portal.USER, desktop)
    lost = (await desk.identify(tenant, Portal.USER, phone)).login_id
    assert lost is not None
    async with platform.databases.work(tenant, actor) as work:
        await logins.end(work, lost)
    desk.identities.forget(tenant.id)

    assert await desk.identify(tenant, Portal.USER, phone) == Actor.guest()
    assert (await desk.identify(tenant, Portal.USER, desktop)).user_id == bob.id


async def test_nobody_ends_the_login_of_another(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person, make_person: MakePerson
) -> None:
    eve = await make_person(tenant, "eve")
    cookies = await logged_in(desk, tenant, bob)
    theirs = (await desk.identify(tenant, Portal.USER, cookies)).login_id
    actor = await desk.identify(tenant, Portal.USER, await logged_in(desk, tenant, eve))
    assert theirs is not None

    with pytest.raises(logins.LoginNotFound):
        async with platform.databases.work(tenant, actor) as work:
            await logins.end(work, theirs)
    desk.identities.forget(tenant.id)

    assert (await desk.identify(tenant, Portal.USER, cookies)).user_id == bob.id


async def test_a_password_under_old_parameters_is_hashed_anew_at_the_login(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    """Attack 82."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - only here an older setting is wanted

    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(bob.password)
    async with platform.databases.work(tenant, ADMIN) as work:
        await work.execute(update(PasswordCredential).values(password_hash=weak))

    cookies = await logged_in(desk, tenant, bob)

    async with platform.databases.work(tenant, ADMIN) as work:
        assert "m=19456,t=2,p=1" in (await work.scalar(select(PasswordCredential.password_hash)) or "")
    assert (await desk.identify(tenant, Portal.USER, cookies)).user_id == bob.id


async def test_the_token_is_stored_nowhere(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person
) -> None:
    done = await desk.log_in(tenant, Portal.USER, bob.entered, Caller())
    token = done.set_cookies[0].partition("=")[2].partition(";")[0]

    async with platform.databases.work(tenant, ADMIN) as work:
        stored = [
            str(await work.rows(select(text("t::text")).select_from(text(f"{name} t"))))
            for name in ("login", "audit_entry", "login_attempt")
        ]

    assert len(token) == 43
    assert not any(token in rows or token.encode().hex() in rows for rows in stored)
    assert token not in repr(done)


async def test_every_try_is_noted_with_its_private_reason(
    platform: Platform, desk: LoginDesk, tenant: Environment, bob: Person, make_person: MakePerson
) -> None:
    gone = await make_person(tenant, "gone")
    async with platform.databases.work(tenant, ADMIN) as work:
        await users.disable(work, gone.id)
    await logged_in(desk, tenant, bob)
    tries = (
        (Portal.USER, Entered(bob.user_name, "wrong")),
        (Portal.USER, Entered("nobody", "secret typed as a name")),
        (Portal.USER, gone.entered),
        (Portal.USER, Entered(bob.user_name, bob.password, "ldap")),
        (Portal.ADMIN, bob.entered),
    )
    for portal, entered in tries:
        with pytest.raises(LoginRefused):
            await desk.log_in(tenant, portal, entered, Caller("203.0.113.9"))

    async with platform.databases.work(tenant, ADMIN) as work:
        noted = await work.rows(select(LoginAttempt.reason, LoginAttempt.user_id).order_by(LoginAttempt.id))

    assert [tuple(row) for row in noted] == [
        ("ok", bob.id),
        ("wrong_password", bob.id),
        ("unknown_user", None),
        ("disabled", gone.id),
        ("unknown_source", None),
        ("not_staff", bob.id),
    ]


async def _last_seen(platform: Platform, environment: Environment) -> datetime:
    async with platform.databases.work(environment, ADMIN) as work:
        return (await work.scalars(select(LoginRow.last_seen_at)))[0]


async def _all(work: Work, model: type[Model]) -> list[dict[str, object]]:
    columns = model.__table__.columns
    return [dict(zip(columns.keys(), row, strict=True)) for row in await work.rows(select(*columns))]
