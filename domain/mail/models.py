"""Tables of messages to people, and of a tenant's settings for them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Json, Model, Preview


class MessageKind(StrEnum):
    """What a message is about; ``letters.py`` has the words of each."""

    INVITATION = "invitation"
    COPY_DONE = "copy_done"
    COPY_FAILED = "copy_failed"
    PREVIEW_ENDS = "preview_ends"
    PREVIEW_LOCKED = "preview_locked"
    FEATURE_WAITS = "feature_waits"
    DOMAIN_FAILING = "domain_failing"
    DOMAIN_ENDED = "domain_ended"


class MessageState(StrEnum):
    """What became of a message. The last five are final, but some can be sent again (``rules.can_be_resent``)."""

    WAITING = "waiting"
    SENT = "sent"
    CAPTURED = "captured"
    KEPT = "kept"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Message(Identified, Model):
    """A message to one person. It is written in the ``Work`` of what causes it, and put into words when it is sent.

    ``cause`` is unique: what may be repeated names itself there and writes one message. ``address``, ``subject`` and
    ``text`` are those of the last attempt; in a live environment ``text`` never has a one-time link.
    """

    __tablename__ = "message"
    __preview__ = Preview.DROP
    __table_args__ = (
        Index("message_cause_uq", "cause", unique=True, postgresql_where=text("cause is not null")),
        Index("message_unsent_ix", "created_at", postgresql_where=text("state in ('waiting', 'kept')")),
        CheckConstraint("state in ('waiting', 'sent', 'captured', 'kept', 'failed', 'cancelled')", name="state_known"),
    )

    kind: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    facts: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    cause: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    reason: Mapped[str | None]
    address: Mapped[str | None]
    subject: Mapped[str | None]
    text: Mapped[str | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class MailSettings(Model):
    """What a tenant sets for its mail: one row, or none."""

    __tablename__ = "mail_settings"
    __preview__ = Preview.KEEP
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reply_to: Mapped[str | None]
