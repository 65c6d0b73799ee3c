"""Who is let in: the step from what a login source proved to a login, and the private audit of every try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Select, exists, select, update

from auth import logins
from auth.events import LoggedIn
from auth.identify import actor_of
from auth.models import IdentityRow, LoginAttempt, LoginRow, PasswordCredential, Portal, PreviewGuest
from auth.proof import Proof, Reason, Source
from auth.roles import granted, is_staff
from domain.users.models import User

if TYPE_CHECKING:
    from uuid import UUID

    from auth.asking import Caller
    from domain.kernel.actor import Actor
    from domain.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Admitted:
    """The outcome of a try: the private reason; with ``Reason.OK`` the actor, the new login's token, and the account's key."""

    reason: Reason
    actor: Actor | None = None
    token: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants: into this portal, coming from there, in place of the login they had.

    ``is_guarded``: the environment is a preview, which lets in staff and those who were invited into it.
    """

    portal: Portal
    source_code: str
    caller: Caller
    replaced: bytes | None = None
    is_guarded: bool = False


async def admit(work: Work, wish: Wish, source: Source | None, proof: Proof) -> Admitted:
    """Begin a login, or say why not; note the try either way. Does the same statements for every failure.

    The user's row is locked against a change of access until the login is committed.
    """
    rows = await work.rows(_identified(source.id if source else None, proof.external_id))
    user, permissions, is_invited = rows[0] if rows else (None, None, False)
    reason = _judge(proof, user, permissions or [], wish, is_invited=is_invited)
    _note(work, wish, reason, user.id if user else proof.user_id)
    if reason is not Reason.OK or user is None or source is None:
        return Admitted(Reason.NO_IDENTITY if reason is Reason.OK else reason)
    if wish.replaced is not None:
        await logins.replace(work, wish.replaced)
    if proof.new_hash is not None:
        await _store(work, user.id, proof.new_hash)
    login_id, token = logins.begin(work, user, source.id, wish.portal, wish.caller)
    work.record(LoggedIn(user.id, login_id))
    login = LoginRow(id=login_id, portal=wish.portal)
    return Admitted(Reason.OK, actor_of(login, user, permissions or []), token, user.user_name_key)


def _identified(source_id: UUID | None, external_id: str | None) -> Select[User, list[str], bool]:
    return (
        select(User, logins.permissions_of_user(), exists().where(PreviewGuest.name_key == User.user_name_key))
        .join(IdentityRow, IdentityRow.user_id == User.id)
        .where(IdentityRow.source_id == source_id, IdentityRow.external_id == external_id)
        .with_for_update(read=True, of=User)
    )


def _judge(proof: Proof, user: User | None, permission_names: list[str], wish: Wish, *, is_invited: bool) -> Reason:
    if proof.reason is not Reason.OK:
        return proof.reason
    if user is None:
        return Reason.NO_IDENTITY
    if user.archived_at is not None:
        return Reason.ARCHIVED
    if user.is_disabled:
        return Reason.DISABLED
    return _let_in(permission_names, wish, is_invited=is_invited)


def _let_in(permission_names: list[str], wish: Wish, *, is_invited: bool) -> Reason:
    """Staff get in everywhere, others into the user portal; of a preview's only if they were invited."""
    if is_staff(granted(permission_names)):
        return Reason.OK
    if wish.portal is Portal.ADMIN:
        return Reason.NOT_STAFF
    return Reason.NOT_INVITED if wish.is_guarded and not is_invited else Reason.OK


def _note(work: Work, wish: Wish, reason: Reason, user_id: UUID | None) -> None:
    work.add(
        LoginAttempt(
            at=work.now,
            user_id=user_id,
            source=wish.source_code,
            portal=wish.portal,
            reason=reason,
            address=wish.caller.address,
            user_agent=wish.caller.agent,
        )
    )


async def _store(work: Work, user_id: UUID, new_hash: str) -> None:
    """Keep the same password under the present parameters."""
    credential = update(PasswordCredential).where(PasswordCredential.user_id == user_id)
    await work.execute(credential.values(password_hash=new_hash))
