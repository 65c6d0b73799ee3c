"""What happens to people. Whatever may end a login touches the topic ``access``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from domain.kernel.events import Event

ACCESS = frozenset({"access"})
"""Who is asking must be looked up again: a login ended, or may do other things now."""


@dataclass(frozen=True, slots=True)
class UserCreated(Event):
    """A person got an account."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class UserTypeCreated(Event):
    """There is another kind of users."""

    user_type_id: UUID


@dataclass(frozen=True, slots=True)
class UserDisabled(Event):
    """A person can no longer log in; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID


@dataclass(frozen=True, slots=True)
class UserEnabled(Event):
    """A person can log in again."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class UserArchived(Event):
    """A person was put away; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID


@dataclass(frozen=True, slots=True)
class UserTypeChanged(Event):
    """A person became another kind of user; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID


@dataclass(frozen=True, slots=True)
class RoleGranted(Event):
    """A person got a role; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID
    role_id: UUID


@dataclass(frozen=True, slots=True)
class RoleTaken(Event):
    """A person lost a role; every login of theirs has ended."""

    topics: ClassVar[frozenset[str]] = ACCESS

    user_id: UUID
    role_id: UUID
