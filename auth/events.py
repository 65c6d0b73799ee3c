"""What happens to logins and passwords."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event
from domain.users.events import ACCESS


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """A login began."""

    user_id: UUID
    login_id: UUID


@dataclass(frozen=True, slots=True)
class LoggedOut(Event):
    """A login was ended: by its owner, by staff, or by the next one of the same browser."""

    topics: ClassVar[frozenset[str]] = ACCESS

    login_id: UUID


@dataclass(frozen=True, slots=True)
class PasswordSet(Event):
    """A person has another password; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID


@dataclass(frozen=True, slots=True)
class UserInvited(Event):
    """A person is sent a link by which they choose a password."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationAccepted(Event):
    """An invited person chose a password."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationWithdrawn(Event):
    """An invitation is good no more; in a preview, who is not staff can not log in any more."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID
