"""People: who may change them, and that nobody gives away more than they have."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.kernel.work import Work
from domain.users import actions as users
from domain.users.errors import (
    EmailInvalid,
    EmailTaken,
    PersonNameInvalid,
    RoleBeyondOwn,
    RoleNotFound,
    UserNotFound,
    UserTypeNotFound,
)
from domain.users.models import User, UserRole
from domain.users.rules import LONGEST, name_key, sought_key
from opscom.platform import Platform
from tenants.environments import Environment

SYSTEM = Actor.system("tests")
Change = Callable[[Work, UUID], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "create": lambda work, _: users.create(work, "new", "New"),
    "disable": users.disable,
    "enable": users.enable,
    "archive": users.archive,
    "change type": lambda work, user_id: users.change_type(work, user_id, None),
    "grant role": lambda work, user_id: users.grant_role(work, user_id, "Viewer"),
    "take role": lambda work, user_id: users.take_role(work, user_id, "Viewer"),
}


@pytest.fixture
async def bob(platform: Platform, tenant: Environment) -> UUID:
    """A person without a role."""
    async with platform.databases.work(tenant, SYSTEM) as work:
        return await users.create(work, "bob", "Bob", email="bob@tomahawku.example")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "refused",
    [
        (Actor.guest(), LoginRequired),
        (Actor(ActorKind.USER, user_id=uuid4()), Denied),
        (Actor(ActorKind.STAFF, frozenset({Permission.VIEW_USERS}), user_id=uuid4()), Denied),
    ],
    ids=["guest", "user", "staff who may only look"],
)
async def test_only_who_manages_users_changes_them(
    platform: Platform, tenant: Environment, bob: UUID, change: str, refused: tuple[Actor, type[Denied]]
) -> None:
    actor, error = refused
    with pytest.raises(error):
        async with platform.databases.work(tenant, actor) as work:
            await CHANGES[change](work, bob)

    async with platform.databases.work(tenant, SYSTEM) as work:
        rows = await work.rows(select(User.is_disabled, User.archived_at, User.access_version))
        assert [tuple(row) for row in rows] == [(False, None, 1)]


async def test_nobody_gives_or_takes_a_role_that_may_do_more_than_they(
    platform: Platform, tenant: Environment, bob: UUID
) -> None:
    clerk = Actor(ActorKind.STAFF, frozenset({Permission.MANAGE_USERS, Permission.VIEW_USERS}), user_id=uuid4())

    for attempt in (users.grant_role, users.take_role):
        with pytest.raises(RoleBeyondOwn):
            async with platform.databases.work(tenant, clerk) as work:
                await attempt(work, bob, "Administrator")

    async with platform.databases.work(tenant, SYSTEM) as work:
        assert await work.scalars(select(UserRole.user_id)) == []


async def test_a_role_is_given_once_and_taken_again(platform: Platform, tenant: Environment, bob: UUID) -> None:
    for action, held in ((users.grant_role, 1), (users.grant_role, 1), (users.take_role, 0), (users.take_role, 0)):
        async with platform.databases.work(tenant, SYSTEM) as work:
            await action(work, bob, "Viewer")
        async with platform.databases.work(tenant, SYSTEM) as work:
            assert len(await work.scalars(select(UserRole.user_id))) == held


async def test_what_is_not_there_is_told(platform: Platform, tenant: Environment, bob: UUID) -> None:
    cases: tuple[tuple[type[Exception], Change], ...] = (
        (UserNotFound, lambda work, _: users.disable(work, uuid4())),
        (RoleNotFound, lambda work, user_id: users.grant_role(work, user_id, "Emperor")),
        (UserTypeNotFound, lambda work, user_id: users.change_type(work, user_id, uuid4())),
        (EmailTaken, lambda work, _: users.create(work, "other", "Other", email="BOB@tomahawku.example")),
        (EmailInvalid, lambda work, _: users.create(work, "other", "Other", email="bob at home")),
    )
    for error, change in cases:
        with pytest.raises(error):
            async with platform.databases.work(tenant, SYSTEM) as work:
                await change(work, bob)


async def test_an_archived_person_cannot_be_changed(platform: Platform, tenant: Environment, bob: UUID) -> None:
    async with platform.databases.work(tenant, SYSTEM) as work:
        await users.archive(work, bob)

    with pytest.raises(UserNotFound):
        async with platform.databases.work(tenant, SYSTEM) as work:
            await users.enable(work, bob)


@pytest.mark.parametrize(("one", "other"), [("STRASSE", "straße"), ("Ann", "ann "), ("ﬁn", "fin"), ("ann.", "ann")])
def test_names_that_are_one_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("name", ["", " ", "\0", "a\nb", "x" * 255])
def test_what_is_nobodys_name_has_the_key_that_nobody_has(name: str) -> None:
    """The empty text and not None: `column = NULL` becomes `IS NULL`, which once matched everybody without an e-mail."""
    assert sought_key(name) == ""


@pytest.mark.parametrize("name", ["Bo\0b", "Bob\r\nBcc: x", "B" * (LONGEST + 1)], ids=["NUL", "two lines", "too long"])
async def test_a_persons_name_that_is_too_long_or_unprintable_is_refused(
    platform: Platform, tenant: Environment, name: str
) -> None:
    with pytest.raises(PersonNameInvalid) as refused:
        async with platform.databases.work(tenant, SYSTEM) as work:
            await users.create(work, "bob", name)

    assert refused.value.field == "name"
    async with platform.databases.work(tenant, SYSTEM) as work:
        assert await work.rows(select(User.id).where(User.user_name == "bob")) == []
