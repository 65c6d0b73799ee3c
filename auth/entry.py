"""From production into a preview: a link that is good once and for a minute, for whom the preview's copy knows and lets in.

Single sign-on may have no way back to a preview's host, and passwords of production are not to be typed there.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from auth.logins import permissions_of_user
from auth.models import IdentityRow, LinkPurpose, LoginSourceRow, SourceState
from auth.onetime import make_link
from auth.proof import Proof, Reason, Source
from auth.roles import granted, is_staff
from domain.kernel.errors import Conflict
from domain.kernel.work import Work
from domain.users.models import User

LASTS = timedelta(seconds=60)
PAGE = "/enter"


class NotKnownThere(Conflict):
    """The preview's copy does not know the person as staff."""

    code = "preview.not_known_there"

    def __init__(self) -> None:
        """A refresh brings whoever is new."""
        super().__init__("The preview does not know you as staff. Refresh it, or have yourself invited there.")


async def entry_link(work: Work, user_id: UUID, site: str) -> str:
    """A link into the Work's environment for a person of the same id. ``site`` is its origin. Raises NotKnownThere."""
    person = select(permissions_of_user()).where(
        User.id == user_id, User.archived_at.is_(None), User.is_disabled.is_(False)
    )
    names = await work.scalars(person)
    if not names or not is_staff(granted(names[0])):
        raise NotKnownThere
    return f"{site}{PAGE}#{make_link(work, LinkPurpose.ENTRY, user_id, LASTS)}"


async def known_by(work: Work, user_id: UUID) -> tuple[Source | None, Proof]:
    """The login source by which the person is known, as if it had just proven them."""
    identity = (
        select(LoginSourceRow, IdentityRow.external_id)
        .join(IdentityRow, IdentityRow.source_id == LoginSourceRow.id)
        .where(IdentityRow.user_id == user_id, LoginSourceRow.state == SourceState.ACTIVE)
        .order_by(LoginSourceRow.position, IdentityRow.id)
        .limit(1)
    )
    rows = await work.rows(identity)
    if not rows:
        return None, Proof(Reason.NO_IDENTITY, user_id=user_id)
    row, external_id = rows[0]
    return Source(row.id, row.code, row.kind), Proof(Reason.OK, external_id, user_id)
