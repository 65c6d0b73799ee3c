"""Logging in and out, and who is asking afterwards. Numbers are those of the security reference, B.1."""

import pytest
from sqlalchemy import select

from auth import logins
from auth.asking import Caller, Entered
from auth.desk import LoginDesk
from auth.errors import LoginRefused
from auth.models import LoginRow, Portal
from domain.kernel.actor import Actor, ActorKind, Permission
from opscom.platform import Platform
from tenants.environments import Environment
from tests.auth.conftest import MakePerson, Person, logged_in


async def test_a_login_identifies_its_owner(desk: LoginDesk, tenant: Environment, bob: Person) -> None:
    cookies = await logged_in(desk, tenant, bob)

    actor = await desk.identify(tenant, Portal.USER, cookies)

    assert (actor.kind, actor.user_id, actor.permissions) == (ActorKind.USER, bob.id, frozenset())


async def test_without_a_cookie_one_is_a_guest(desk: LoginDesk, tenant: Environment) -> None:
    assert await desk.identify(tenant, Portal.USER, "theme=dark") == Actor.guest()


async def test_an_administrator_is_staff_in_the_admin_portal_only(desk: LoginDesk, tenant: Environment, ann: Person) -> None:
    admin = await logged_in(desk, tenant, ann, Portal.ADMIN)
    user = await logged_in(desk, tenant, ann, Portal.USER)

    assert (await desk.identify(tenant, Portal.ADMIN, admin)).may(Permission.MANAGE_LOTS)
    assert not (await desk.identify(tenant, Portal.USER, user)).permissions
    assert await desk.identify(tenant, Portal.ADMIN, user.replace("opscom=", "opscom-admin=")) == Actor.guest()
