"""Local accounts: user name or e-mail, and a password. Every failure takes as long as a wrong password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Select, or_, select

from auth.models import IdentityRow, PasswordCredential
from auth.proof import Proof, Reason
from domain.users.models import User
from domain.users.rules import sought_key

if TYPE_CHECKING:
    from uuid import UUID

    from auth.asking import Entered
    from auth.passwords import Passwords
    from auth.proof import Reading, Source


class LocalAccounts:
    """The kind ``local`` of login sources."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def prove(self, read: Reading, source: Source, entered: Entered) -> Proof:
        """Check a user name and password. Raises LoginsBusy."""
        snapshot = read()
        try:
            found = next(iter(await snapshot.rows(_account(source, sought_key(entered.user_name)))), None)
        finally:
            await snapshot.end()
        user_id, external_id, stored = found or (None, None, None)
        verdict = await self._passwords.verify(entered.password, stored)
        if user_id is None:
            return Proof(Reason.UNKNOWN_USER)
        if stored is None:
            return Proof(Reason.NO_PASSWORD, user_id=user_id)
        if not verdict.is_right:
            return Proof(Reason.WRONG_PASSWORD, user_id=user_id)
        return Proof(Reason.OK, external_id, user_id, verdict.new_hash)


def _account(source: Source, key: str) -> Select[UUID, str, str | None]:
    """User, identity and hash by user name or e-mail. A user name wins: only its owner can have it as an e-mail."""
    return (
        select(User.id, IdentityRow.external_id, PasswordCredential.password_hash)
        .join(IdentityRow, (IdentityRow.user_id == User.id) & (IdentityRow.source_id == source.id))
        .outerjoin(PasswordCredential, PasswordCredential.user_id == User.id)
        .where(or_(User.user_name_key == key, User.email_key == key))
        .order_by((User.user_name_key == key).desc())
        .limit(1)
    )
