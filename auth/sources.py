"""The seam for ways to log in: which kinds of login source there are, and how one is found by its code.

A new kind (LDAP, OIDC, SAML) is one class with ``prove`` (see ``proof.LoginSource``) and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Select, select

from auth.asking import LOCAL
from auth.local import LocalAccounts
from auth.models import LoginSourceRow, SourceState
from auth.proof import LoginSource, Proof, Reason, Source

if TYPE_CHECKING:
    from auth.asking import Entered
    from auth.passwords import Passwords
    from auth.proof import Reading


def login_sources(passwords: Passwords) -> Mapping[str, LoginSource]:
    """Every kind of login source there is, by name."""
    return {LOCAL: LocalAccounts(passwords)}


def active_source(code: str) -> Select[LoginSourceRow]:
    """The login source of this code, if people may log in by it."""
    return select(LoginSourceRow).where(LoginSourceRow.code == code, LoginSourceRow.state == SourceState.ACTIVE)


class Unknown:
    """Stands for a login source that is not there: it refuses, and takes as long as a local one."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def prove(self, read: Reading, source: Source, entered: Entered) -> Proof:
        """Prove nothing."""
        del read, source
        await self._passwords.verify(entered.password, None)
        return Proof(Reason.UNKNOWN_SOURCE)
