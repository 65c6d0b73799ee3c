"""Inviting people: a message with a one-time link, by which they choose their own password.

Nobody chooses another's password, and the link is made when the message is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from auth.accounts import NewAccount, administrator, refuse_beyond, set_password
from auth.events import InvitationAccepted, InvitationWithdrawn, UserInvited
from auth.logins import permissions_of_user
from auth.models import LinkPurpose, PreviewGuest
from auth.onetime import LinkRefused, end_links, make_link, use_link, valid_link
from auth.roles import ADMINISTRATOR, granted, is_staff
from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Conflict
from domain.kernel.ids import uuid7
from domain.kernel.snapshot import Snapshot
from domain.kernel.work import Work
from domain.mail.actions import cancel_to, write
from domain.mail.models import MessageKind
from domain.users import actions as users
from domain.users.errors import UserNotFound
from domain.users.models import User
from domain.users.queries import user_named, user_to_change, user_with_role

if TYPE_CHECKING:
    from domain.kernel.model import Json
    from tenants.environments import Environment
    from tenants.provisioning import Furnish, IsThere

LASTS = timedelta(days=7)
PAGE = "/welcome"
FIRST = "first administrator"


class NoAddress(Conflict):
    """A person without an e-mail address can not be invited by mail."""

    code = "user.no_email"

    def __init__(self) -> None:
        """The field is the user name."""
        super().__init__("Nobody can be invited without an e-mail address.", field="user_name")


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom an invitation is for."""

    actor: Actor
    is_staff: bool


async def invite(work: Work, account: NewAccount, *, into_preview: bool = False, cause: str | None = None) -> UUID:
    """Invite a person by mail, making the account if there is none of that user name. Repeatable. Returns the user's id.

    ``into_preview``: from now on the person may log in there without being staff. With a ``cause`` the message is written
    once. Needs MANAGE_USERS. Raises NoAddress, UserNotFound (an archived one), PersonBeyondOwn, and what ``users.create``
    and ``users.grant_role`` raise.
    """
    work.actor.require(Permission.MANAGE_USERS)
    user = await work.scalar(user_named(account.user_name)) or await _create(work, account)
    if user.archived_at is not None:
        raise UserNotFound
    if user.email is None:
        raise NoAddress
    await refuse_beyond(work, user.id)
    if account.role is not None:
        await users.grant_role(work, user.id, account.role)
    if into_preview:
        guest = {"name_key": user.user_name_key, "invited_at": work.now, "invited_by": work.actor.name}
        await work.execute(insert(PreviewGuest).values(id=uuid7(), **guest).on_conflict_do_nothing())
    by = work.actor.name if work.actor.kind is ActorKind.STAFF else ""
    facts: Json = {"by": by, "user_name": user.user_name}
    if await write(work, MessageKind.INVITATION, user.id, facts, cause=cause) is not None:
        work.record(UserInvited(user.id))
    return user.id


def invite_first(user_name: str) -> Furnish:
    """What invites a first administrator while the tenant is provisioned; repeatable.

    Raises NoAddress, UserNameInvalid and EmailInvalid before anything is made.
    """
    account = administrator(user_name)
    if account.email is None:
        raise NoAddress

    async def furnish(work: Work, _environment: Environment) -> None:
        await invite(work, account, cause=FIRST)

    return furnish


def was_invited(user_name: str) -> IsThere:
    """Whether a tenant has the first administrator whom ``invite_first`` invites."""

    async def is_there(snapshot: Snapshot) -> bool:
        return await snapshot.scalar(user_with_role(user_name, ADMINISTRATOR)) is not None

    return is_there


def invitation_link(work: Work, user_id: UUID, site: str) -> str:
    """A new link of an invitation. The token is behind a ``#``: browsers keep that from servers, logs and referrers."""
    return f"{site}{PAGE}#{make_link(work, LinkPurpose.INVITATION, user_id, LASTS)}"


async def invited_by(snapshot: Snapshot, environment_id: UUID, token: str) -> Invited:
    """The person whom an unused invitation is for. Raises LinkRefused."""
    link = await snapshot.scalar(valid_link(environment_id, LinkPurpose.INVITATION, token))
    if link is None:
        raise LinkRefused
    ((user, names),) = await snapshot.rows(select(User, permissions_of_user()).where(User.id == link.user_id))
    return Invited(Actor(ActorKind.USER, user_id=user.id, name=user.name), is_staff(granted(names)))


async def accept(work: Work, token: str, password_hash: str) -> None:
    """Give the invited person, who is the actor, the password that they chose. Raises LinkRefused, UserNotFound."""
    user_id = await use_link(work, LinkPurpose.INVITATION, token)
    await set_password(work, user_id, password_hash)
    work.record(InvitationAccepted(user_id))


async def withdraw(work: Work, user_id: UUID) -> None:
    """Take an invitation back: its links are good no more, and in a preview who is not staff is logged out.

    Needs MANAGE_USERS. Raises UserNotFound, PersonBeyondOwn.
    """
    work.actor.require(Permission.MANAGE_USERS)
    user = await work.scalar(user_to_change(user_id))
    if user is None:
        raise UserNotFound
    await refuse_beyond(work, user_id)
    await cancel_to(work, MessageKind.INVITATION, user_id, "The invitation was withdrawn.")
    await end_links(work, LinkPurpose.INVITATION, user_id)
    gone = delete(PreviewGuest).where(PreviewGuest.name_key == user.user_name_key).returning(PreviewGuest.id)
    if await work.rows(gone):
        user.access_version += 1
    work.record(InvitationWithdrawn(user_id))


async def withdraw_named(work: Work, user_name: str) -> None:
    """The same of who is called so. Raises as ``withdraw`` does."""
    user = await work.scalar(user_named(user_name))
    if user is None:
        raise UserNotFound
    await withdraw(work, user.id)


async def _create(work: Work, account: NewAccount) -> User:
    await users.create(work, account.user_name, account.name, email=account.email, user_type_id=account.user_type_id)
    (user,) = await work.scalars(user_named(account.user_name))
    return user
