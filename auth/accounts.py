"""Local accounts: giving a person a password, and making an account whole. Hashes are made by ``passwords`` before."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from auth.asking import LOCAL
from auth.events import PasswordSet
from auth.logins import permissions_of_user
from auth.models import IdentityRow, LoginSourceRow, PasswordCredential
from auth.roles import ADMINISTRATOR, granted
from domain.kernel.actor import Permission
from domain.kernel.errors import NotFound
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.users import actions as users
from domain.users.errors import PersonBeyondOwn, UserNotFound
from domain.users.models import User
from domain.users.queries import user_named, user_to_change
from domain.users.rules import checked_email, checked_user_name


class LoginSourceNotFound(NotFound):
    """There is no such login source."""

    code = "login.source_not_found"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a local account is made from. ``role`` is the name of a role, for staff."""

    user_name: str
    name: str
    email: str | None = None
    user_type_id: UUID | None = None
    role: str | None = None


def account_of(user_name: str, *, name: str = "", email: str | None = None, role: str | None = None) -> NewAccount:
    """What somebody's account is made from who was named: a user name with ``@`` is the e-mail address too.

    Raises UserNameInvalid, EmailInvalid.
    """
    address, _ = checked_email(email or (user_name if "@" in user_name else None))
    checked, _ = checked_user_name(user_name, address)
    return NewAccount(checked, name or checked.partition("@")[0], email=address, role=role)


def administrator(user_name: str) -> NewAccount:
    """The account of an administrator. Raises UserNameInvalid, EmailInvalid."""
    return account_of(user_name, role=ADMINISTRATOR)


async def create_account(work: Work, new: NewAccount, password_hash: str) -> UUID:
    """Create a person who can log in with a password, and return the id. Needs MANAGE_USERS.

    Raises whatever ``users.create`` and ``users.grant_role`` raise.
    """
    user_id = await users.create(work, new.user_name, new.name, email=new.email, user_type_id=new.user_type_id)
    await set_password(work, user_id, password_hash)
    if new.role is not None:
        await users.grant_role(work, user_id, new.role)
    return user_id


async def ensure_account(work: Work, new: NewAccount, password_hash: str) -> UUID:
    """Create the account, or give the person who has the user name this password: repeatable, for a first administrator.

    Needs MANAGE_USERS. Raises as ``create_account`` does.
    """
    known = await work.scalar(user_named(new.user_name))
    if known is None:
        return await create_account(work, new, password_hash)
    await set_password(work, known.id, password_hash)
    return known.id


async def set_password(work: Work, user_id: UUID, password_hash: str) -> None:
    """Give a person another password; ends all their logins. One's own, or with MANAGE_USERS that of who may do no more.

    Does *not* check the old password: who lets people change their own must ask for it. Raises UserNotFound, PersonBeyondOwn.
    """
    is_own = user_id == work.actor.user_id
    if not is_own:
        work.actor.require(Permission.MANAGE_USERS)
    user = await work.scalar(user_to_change(user_id))
    if user is None:
        raise UserNotFound
    if not is_own:
        await refuse_beyond(work, user_id)
    user.access_version += 1
    values = {"password_hash": password_hash, "changed_at": work.now}
    credential = insert(PasswordCredential).values(user_id=user_id, **values)
    await work.execute(credential.on_conflict_do_update(index_elements=["user_id"], set_=values))
    await _link_local(work, user_id)
    work.record(PasswordSet(user_id))


async def refuse_beyond(work: Work, user_id: UUID) -> None:
    """Raise PersonBeyondOwn for somebody who may do more than the actor: whoever opens their account becomes them."""
    (names,) = await work.scalars(select(permissions_of_user()).where(User.id == user_id))
    if not granted(names) <= work.actor.permissions:
        raise PersonBeyondOwn


async def _link_local(work: Work, user_id: UUID) -> None:
    """A local account is an identity like any other: the local source means this user by the user's own id."""
    source_id = await work.scalar(select(LoginSourceRow.id).where(LoginSourceRow.code == LOCAL))
    if source_id is None:
        raise LoginSourceNotFound("This site has no local accounts.")
    link = {"source_id": source_id, "external_id": str(user_id), "user_id": user_id}
    row = insert(IdentityRow).values(id=uuid7(), linked_at=work.now, linked_by="account", **link)
    await work.execute(row.on_conflict_do_nothing())
