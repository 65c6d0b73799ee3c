"""One-time links as rows: made when they are sent, good once. What they open is decided in ``invitations`` and ``entry``."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Select, select, update

from auth.logins import new_token
from auth.models import LinkPurpose, OneTimeLink
from domain.kernel.errors import Denied
from domain.kernel.work import Work

LONGEST_TOKEN = 64


class LinkRefused(Denied):
    """A one-time link was used before, is over, or was never given: the three answer alike."""

    code = "login.link_refused"

    def __init__(self) -> None:
        """The one message there is."""
        super().__init__("This link was used before, or its time is over. Please ask for another one.")


def make_link(work: Work, purpose: LinkPurpose, user_id: UUID, lasts: timedelta) -> str:
    """Write a link for a person of the Work's environment and return its token, which is kept nowhere."""
    token = new_token()
    work.add(
        OneTimeLink(
            token_hash=_digest(work.environment_id, purpose, token),
            purpose=purpose,
            user_id=user_id,
            created_at=work.now,
            expires_at=work.now + lasts,
        )
    )
    return token


async def use_link(work: Work, purpose: LinkPurpose, token: str) -> UUID:
    """Whom the link is for; it, and every other of this purpose that the person was sent, is good no more.

    Raises LinkRefused.
    """
    link = await work.scalar(valid_link(work.environment_id, purpose, token).with_for_update())
    if link is None or link.expires_at <= work.now:
        raise LinkRefused
    await end_links(work, purpose, link.user_id)
    return link.user_id


async def end_links(work: Work, purpose: LinkPurpose, user_id: UUID) -> None:
    """Let every link of a purpose that a person was given be good no more."""
    row = OneTimeLink
    unused = update(row).where(row.user_id == user_id, row.purpose == purpose, row.used_at.is_(None))
    await work.execute(unused.values(used_at=work.now))


def valid_link(environment_id: UUID, purpose: LinkPurpose, token: str) -> Select[OneTimeLink]:
    """The row of a token that was not used yet; its time may be over."""
    digest = _digest(environment_id, purpose, token[:LONGEST_TOKEN])
    return select(OneTimeLink).where(OneTimeLink.token_hash == digest, OneTimeLink.used_at.is_(None))


def _digest(environment_id: UUID, purpose: LinkPurpose, token: str) -> bytes:
    bound = environment_id.bytes + purpose.encode() + b"\0"
    return sha256(bound + token.encode(errors="surrogatepass")).digest()
