"""Inviting people: a message with a one-time link, by which they choose their own password.

Nobody chooses another's password, and the link is made when the message is sent.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from auth.accounts import NewAccount
from auth.events import UserInvited
from auth.logins import permissions_of_user
from auth.models import LinkPurpose, PreviewGuest
from auth.onetime import make_link
from auth.roles import granted
from domain.kernel.actor import Permission
from domain.kernel.errors import Conflict
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.mail.actions import write
from domain.mail.models import MessageKind
from domain.users import actions as users
from domain.users.errors import RoleBeyondOwn, UserNotFound
from domain.users.models import User
from domain.users.queries import user_named

LASTS = timedelta(days=7)
PAGE = "/welcome"


class NoAddress(Conflict):
    """A person without an e-mail address can not be invited by mail."""

    code = "user.no_email"

    def __init__(self) -> None:
        """The field is the user name."""
        super().__init__("Nobody can be invited without an e-mail address.", field="user_name")


async def invite(work: Work, account: NewAccount, *, into_preview: bool = False) -> UUID:
    """Invite a person by mail, making the account if there is none of that user name. Repeatable. Returns the user's id.

    ``into_preview``: from now on the person may log in there without being staff. Needs MANAGE_USERS. Raises NoAddress,
    UserNotFound (an archived one), RoleBeyondOwn for somebody who may do more than the actor, and what ``users.create``
    and ``users.grant_role`` raise.
    """
    work.actor.require(Permission.MANAGE_USERS)
    user = await work.scalar(user_named(account.user_name)) or await _create(work, account)
    if user.archived_at is not None:
        raise UserNotFound
    if user.email is None:
        raise NoAddress
    await _refuse_beyond(work, user.id)
    if account.role is not None:
        await users.grant_role(work, user.id, account.role)
    if into_preview:
        guest = {"name_key": user.user_name_key, "invited_at": work.now, "invited_by": work.actor.name}
        await work.execute(insert(PreviewGuest).values(id=uuid7(), **guest).on_conflict_do_nothing())
    await write(work, MessageKind.INVITATION, user.id, {"by": work.actor.name, "user_name": user.user_name})
    work.record(UserInvited(user.id))
    return user.id


async def invitation_link(work: Work, user_id: UUID, site: str) -> str:
    """A new link of an invitation. The token is behind a ``#``: browsers keep that from servers, logs and referrers."""
    return f"{site}{PAGE}#{make_link(work, LinkPurpose.INVITATION, user_id, LASTS)}"


async def _create(work: Work, account: NewAccount) -> User:
    await users.create(work, account.user_name, account.name, email=account.email, user_type_id=account.user_type_id)
    (user,) = await work.scalars(user_named(account.user_name))
    return user


async def _refuse_beyond(work: Work, user_id: UUID) -> None:
    """Who may read what a preview captures could else become anybody whom they invite again."""
    (names,) = await work.scalars(select(permissions_of_user()).where(User.id == user_id))
    if not granted(names) <= work.actor.permissions:
        raise RoleBeyondOwn
