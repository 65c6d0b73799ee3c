"""Accounts that the command line makes: a tenant's first administrator, new passwords, the platform's staff."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from auth.accounts import account_of, administrator, create_account, ensure_account, set_password
from auth.desks import open_desks
from auth.invitations import invite
from auth.passwords import Passwords, new_password
from auth.staff import NewStaff, StaffDesk
from domain.kernel.actor import Actor
from domain.kernel.errors import Invalid
from domain.kernel.work import Work
from domain.users.errors import UserNotFound
from domain.users.queries import user_named
from tenants.environments import Environment, EnvironmentGroup, EnvironmentKind
from tenants.registry.actions import TenantNotFound

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.provisioning import Furnish

ACTOR = Actor.system("command line")


def production_of(platform: Platform, slug: str) -> Environment:
    """A tenant's production environment. Raises TenantNotFound. The registry must be loaded."""
    return environment_of(platform, slug, EnvironmentKind.PRODUCTION)


def environment_of(platform: Platform, slug: str, kind: EnvironmentKind) -> Environment:
    """A tenant's environment of a kind. Raises TenantNotFound. The registry must be loaded."""
    for environment in platform.registry.current.by_id.values():
        if environment.tenant.slug == slug and environment.kind is kind:
            return environment
    raise TenantNotFound("There is no such tenant, or no such environment of it.", slug=slug, kind=kind)


async def environment_called(platform: Platform, slug: str, kind: str) -> Environment:
    """A tenant's environment as somebody typed it, by the registry of now. Raises Invalid, TenantNotFound."""
    wanted = kind_called(kind)
    await platform.registry.load()
    return environment_of(platform, slug, wanted)


def kind_called(kind: str) -> EnvironmentKind:
    """A kind of environment as somebody typed it. Raises Invalid."""
    if kind not in set(EnvironmentKind):
        raise Invalid(f"Kinds of environments are {', '.join(EnvironmentKind)}.", kind=kind)
    return EnvironmentKind(kind)


async def invite_person(
    platform: Platform, environment: Environment, user_name: str, *, name: str, role: str | None
) -> None:
    """Invite somebody, or once more. Raises what ``auth.invitations.invite`` raises."""
    account = account_of(user_name, name=name, role=role)
    async with platform.databases.work(environment, ACTOR) as work:
        await invite(work, account, into_preview=environment.kind.group is EnvironmentGroup.TEST)


async def first_administrator(user_name: str) -> tuple[str, Furnish]:
    """A password, and what makes the administrator with it while the tenant is provisioned; repeatable."""
    password = new_password()
    hashed, account = await _hash(password), administrator(user_name)

    async def furnish(work: Work, _environment: Environment) -> None:
        await ensure_account(work, account, hashed)

    return password, furnish


async def create_administrator(platform: Platform, environment: Environment, user_name: str) -> str:
    """Make a tenant's administrator and return the password, which is stored only as a hash.

    Raises what ``domain.users.actions.create`` raises, for instance when the user name is taken.
    """
    password = new_password()
    hashed = await _hash(password)
    async with platform.databases.work(environment, ACTOR) as work:
        await create_account(work, administrator(user_name), hashed)
    return password


async def set_user_password(platform: Platform, environment: Environment, user_name: str, password: str) -> None:
    """Give somebody of a tenant another password; all of that person's logins end. Raises UserNotFound, PasswordRefused."""
    hashed = await _hash(password)
    async with platform.databases.work(environment, ACTOR) as work:
        user = await work.scalar(user_named(user_name))
        if user is None:
            raise UserNotFound
        await set_password(work, user.id, hashed)


async def create_staff(platform: Platform, user_name: str, name: str) -> str:
    """Make an account of the platform's staff and return its password. Raises Conflict if the name is taken."""
    password = new_password()
    async with staff_desk(platform) as desk:
        await desk.create(NewStaff(user_name, name), password, actor=ACTOR.name)
    return password


async def new_staff_password(platform: Platform, user_name: str) -> str:
    """Give a member of the platform's staff another password and return it; all their logins end. Raises StaffNotFound."""
    password = new_password()
    async with staff_desk(platform) as desk:
        await desk.set_password(user_name, password, actor=ACTOR.name)
    return password


@asynccontextmanager
async def staff_desk(platform: Platform) -> AsyncIterator[StaffDesk]:
    """Where accounts of the platform's staff are made and changed."""
    desks = open_desks(platform.databases, platform.bus, platform.clock)
    try:
        yield desks.staff
    finally:
        await desks.close()


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
