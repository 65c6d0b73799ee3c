"""What a login source says about somebody, and the private reasons why a login fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from auth.asking import Entered
from domain.kernel.snapshot import Snapshot

Reading = Callable[[], Snapshot]
"""Opens reads of the environment. A source ends them before it calls anybody else."""


class Reason(StrEnum):
    """Why a try to log in came out as it did: for the audit only, never for who tried."""

    OK = "ok"
    UNKNOWN_USER = "unknown_user"
    NO_PASSWORD = "no_password"  # noqa: S105 - a reason, no secret
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the same
    UNKNOWN_SOURCE = "unknown_source"
    SOURCE_FAILED = "source_failed"
    NO_IDENTITY = "no_identity"
    DISABLED = "disabled"
    ARCHIVED = "archived"
    NOT_STAFF = "not_staff"
    NOT_INVITED = "not_invited"
    SITE_CLOSED = "site_closed"


@dataclass(frozen=True, slots=True)
class Source:
    """A login source as configured: its id, its code, and the kind that does the work."""

    id: UUID
    code: str
    kind: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a source found. ``external_id`` is whom it means, by an id of its own; only with ``Reason.OK`` it is proven.

    ``user_id`` is for the audit of a failure. ``new_hash`` is a password's hash under the present parameters, to be stored.
    """

    reason: Reason
    external_id: str | None = None
    user_id: UUID | None = None
    new_hash: str | None = None


class LoginSource(Protocol):
    """One kind of login source."""

    async def prove(self, read: Reading, source: Source, entered: Entered) -> Proof:
        """Check what was entered. Anything but an explicit success is a failure; it may raise, which is one too."""
        ...
