"""Invitations: a link that is good once and for a week, which lets its owner choose a password and nobody else do anything."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from auth import invitations
from auth.accounts import NewAccount, create_account, set_password
from auth.asking import Caller, Entered
from auth.desk import LoginDesk
from auth.errors import LoginRefused, PasswordRefused, TooManyAttempts
from auth.invitations import NoAddress, invite, invite_first, withdraw
from auth.models import LinkPurpose, OneTimeLink, Portal
from auth.onetime import LinkRefused, make_link
from auth.roles import ADMINISTRATOR, OPERATOR
from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.audit import AuditEntry
from domain.mail.models import Message
from domain.users.actions import archive
from domain.users.errors import PersonBeyondOwn, RoleBeyondOwn, UserNotFound
from domain.users.models import User
from opscom.platform import Platform
from tenants.environments import Environment, State
from tests.auth.conftest import cookie_header
from tests.fixtures.platform import MakeTenant

ANN = NewAccount("ann@tomahawku.example", "Ann Admin", email="ann@tomahawku.example", role=ADMINISTRATOR)
PASSWORD = "the one she chose"
CALLER = Caller("198.51.100.7", "tests")


async def invited(platform: Platform, environment: Environment, account: NewAccount = ANN) -> str:
    """Invite somebody and return the token of a link as Send Mail makes it."""
    async with platform.databases.work(environment, Actor.system()) as work:
        user_id = await invite(work, account)
        return make_link(work, LinkPurpose.INVITATION, user_id, invitations.LASTS)


async def log_in(desk: LoginDesk, environment: Environment, password: str = PASSWORD) -> None:
    """Log Ann in to the admin portal."""
    await desk.log_in(environment, Portal.ADMIN, Entered(ANN.user_name, password), CALLER)


async def test_who_was_invited_chooses_a_password_once(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    token = await invited(platform, tenant)
    with pytest.raises(LoginRefused):
        await log_in(desk, tenant)

    assert await desk.accept_invitation(tenant, token, PASSWORD, CALLER)

    await log_in(desk, tenant)
    with pytest.raises(LinkRefused):
        await desk.accept_invitation(tenant, token, "somebody else's choice", CALLER)
    await log_in(desk, tenant)
    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        entry = await snapshot.scalar(select(AuditEntry).where(AuditEntry.action == "InvitationAccepted"))
    assert entry is not None
    assert (entry.actor_kind, entry.actor_name) == ("user", "Ann Admin")


async def test_one_acceptance_ends_every_other_link_of_the_person(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    first, second = await invited(platform, tenant), await invited(platform, tenant)

    await desk.accept_invitation(tenant, second, PASSWORD, CALLER)

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(tenant, first, PASSWORD, CALLER)


async def test_after_seven_days_a_link_is_over(platform: Platform, desk: LoginDesk, tenant: Environment) -> None:
    token = await invited(platform, tenant)
    async with platform.databases.work(tenant, Actor.system()) as work:
        (lasts,) = await work.scalars(select(OneTimeLink.expires_at - OneTimeLink.created_at))
        await work.execute(update(OneTimeLink).values(expires_at=work.now))

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(tenant, token, PASSWORD, CALLER)

    assert lasts == timedelta(days=7)


@pytest.mark.parametrize(("kept", "more"), [(0, ""), (42, ""), (43, "A"), (0, "\ud800"), (0, "A" * 100_000)])
async def test_what_is_no_token_answers_like_a_used_one(
    platform: Platform, desk: LoginDesk, tenant: Environment, kept: int, more: str
) -> None:
    token = await invited(platform, tenant)

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(tenant, token[:kept] + more, PASSWORD, CALLER)


async def test_a_token_is_nothing_in_another_environment_or_for_another_purpose(
    platform: Platform, desk: LoginDesk, tenant: Environment, make_tenant: MakeTenant
) -> None:
    token, other = await invited(platform, tenant), await make_tenant()
    await invited(platform, other)

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(other, token, PASSWORD, CALLER)
    with pytest.raises(LinkRefused):
        await desk.enter(tenant, token, CALLER)


async def test_the_token_is_stored_nowhere(platform: Platform, tenant: Environment) -> None:
    token = await invited(platform, tenant)

    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        (link,) = await snapshot.scalars(select(OneTimeLink))
        audit = await snapshot.scalars(select(AuditEntry))
    assert len(link.token_hash) == 32
    assert token not in "".join(f"{one.facts}{one.before}{one.after}" for one in audit)


async def test_a_password_that_is_too_short_uses_nothing_up(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    token = await invited(platform, tenant)

    with pytest.raises(PasswordRefused):
        await desk.accept_invitation(tenant, token, "short", CALLER)

    await desk.accept_invitation(tenant, token, PASSWORD, CALLER)


async def test_guessing_links_is_throttled_by_address(desk: LoginDesk, tenant: Environment) -> None:
    for number in range(100):
        with pytest.raises(LinkRefused):
            await desk.accept_invitation(tenant, f"guess {number}", PASSWORD, CALLER)

    with pytest.raises(TooManyAttempts):
        await desk.accept_invitation(tenant, "one more", PASSWORD, CALLER)


async def test_an_invitation_that_is_withdrawn_is_worth_nothing(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    token = await invited(platform, tenant)
    async with platform.databases.work(tenant, Actor.system()) as work:
        (user_id,) = await work.scalars(select(OneTimeLink.user_id))
        await withdraw(work, user_id)

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(tenant, token, PASSWORD, CALLER)
    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:  # or it would be sent with a new link
        assert await snapshot.scalars(select(Message.state)) == ["cancelled"]


async def test_inviting_again_makes_no_second_person(platform: Platform, tenant: Environment) -> None:
    await invited(platform, tenant)
    await invited(platform, tenant, replace(ANN, user_name="ANN@tomahawku.example"))

    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        assert len({message.user_id for message in await snapshot.scalars(select(Message))}) == 1


async def test_nobody_invites_who_may_do_more_than_they(platform: Platform, tenant: Environment) -> None:
    """Who reads captured mail in a preview could become an administrator by inviting one again."""
    await invited(platform, tenant)
    clerk = Actor(ActorKind.STAFF, frozenset({Permission.MANAGE_USERS, Permission.VIEW_MAIL}), name="Cal Clerk")

    for account, refusal in (
        (replace(ANN, role=None), PersonBeyondOwn),
        (NewAccount("new@x.example", "New", "new@x.example", role=OPERATOR), RoleBeyondOwn),
    ):
        with pytest.raises(refusal):
            async with platform.databases.work(tenant, clerk) as work:
                await invite(work, account)


async def test_nobody_sets_the_password_of_who_may_do_more_than_they(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    await desk.accept_invitation(tenant, await invited(platform, tenant), PASSWORD, CALLER)
    clerk = Actor(ActorKind.STAFF, frozenset({Permission.MANAGE_USERS}), name="Cal Clerk")
    async with platform.databases.work(tenant, clerk) as work:
        (ann,) = await work.scalars(select(User.id).where(User.user_name_key == ANN.user_name))
        sam = await create_account(work, NewAccount("sam", "Sam Student"), "no hash")

    async with platform.databases.work(tenant, clerk) as work:
        await set_password(work, sam, "another hash")
    with pytest.raises(PersonBeyondOwn):
        async with platform.databases.work(tenant, clerk) as work:
            await set_password(work, ann, "another hash")

    await log_in(desk, tenant)


async def test_the_links_of_a_suspended_site_open_nothing_and_are_good_when_it_is_back(
    platform: Platform, desk: LoginDesk, tenant: Environment
) -> None:
    token = await invited(platform, tenant)
    async with platform.databases.work(tenant, Actor.system()) as work:
        (user_id,) = await work.scalars(select(OneTimeLink.user_id))
        entry = make_link(work, LinkPurpose.ENTRY, user_id, timedelta(minutes=1))
    suspended = replace(tenant, state=State.SUSPENDED)

    with pytest.raises(LinkRefused):
        await desk.accept_invitation(suspended, token, PASSWORD, CALLER)
    with pytest.raises(LinkRefused):
        await desk.enter(suspended, entry, CALLER)

    await desk.accept_invitation(tenant, token, PASSWORD, CALLER)
    await desk.enter(tenant, entry, CALLER)


async def test_a_first_administrator_is_invited_once_however_often_the_tenant_is_provisioned(
    platform: Platform, tenant: Environment
) -> None:
    for _ in range(2):
        async with platform.databases.work(tenant, Actor.system()) as work:
            await invite_first(ANN.user_name)(work, tenant)

    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        audit = await snapshot.scalars(select(AuditEntry.action))
        assert len(await snapshot.scalars(select(Message))) == 1
    assert audit.count("UserInvited") == 1


async def test_a_person_without_an_address_is_not_invited(platform: Platform, tenant: Environment) -> None:
    with pytest.raises(NoAddress):
        async with platform.databases.work(tenant, Actor.system()) as work:
            await invite(work, NewAccount("ann", "Ann"))

    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        assert await snapshot.scalars(select(Message)) == []


async def test_a_person_who_was_put_away_is_not_invited(platform: Platform, tenant: Environment) -> None:
    await invited(platform, tenant)
    async with platform.databases.work(tenant, Actor.system()) as work:
        (user_id,) = await work.scalars(select(OneTimeLink.user_id))
        await archive(work, user_id)

    with pytest.raises(UserNotFound):
        await invited(platform, tenant)


async def test_a_preview_lets_in_staff_and_who_was_invited_into_it(
    platform: Platform, desk: LoginDesk, preview: Environment
) -> None:
    sam = NewAccount("sam@x.example", "Sam Student", email="sam@x.example")
    tokens = {one: await invited(platform, preview, one) for one in (ANN, sam)}
    for token in tokens.values():
        await desk.accept_invitation(preview, token, PASSWORD, CALLER)
    entered = Entered(sam.user_name, PASSWORD)

    await desk.log_in(preview, Portal.USER, Entered(ANN.user_name, PASSWORD), CALLER)
    with pytest.raises(LoginRefused):
        await desk.log_in(preview, Portal.USER, entered, CALLER)
    async with platform.databases.work(preview, Actor.system()) as work:
        sams_id = await invite(work, sam, into_preview=True)
    begun = await desk.log_in(preview, Portal.USER, entered, CALLER)
    async with platform.databases.work(preview, Actor.system()) as work:
        await withdraw(work, sams_id)

    desk.identities.forget(preview.id)
    assert await desk.identify(preview, Portal.USER, cookie_header(begun.set_cookies)) == Actor.guest()
    with pytest.raises(LoginRefused):
        await desk.log_in(preview, Portal.USER, entered, CALLER)
