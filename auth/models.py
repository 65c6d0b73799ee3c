"""Tables of an environment about who may log in and who is logged in. Decisions are in the modules beside it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class Portal(StrEnum):
    """Which of the two portals a login is for; each has a cookie of its own."""

    USER = "user"
    ADMIN = "admin"


class SourceState(StrEnum):
    """A candidate may be tried but not used; an archived source lets nobody in."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    ARCHIVED = "archived"


class LoginSourceRow(Identified, Model):
    """A way to prove who one is, as the tenant configured it. ``kind`` names the code (``sources.KINDS``)."""

    __tablename__ = "login_source"
    __preview__ = Preview.KEEP
    __table_args__ = (
        Index("login_source_code_uq", "code", unique=True),
        CheckConstraint("state in ('candidate', 'active', 'archived')", name="state_known"),
    )

    code: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    button_text: Mapped[str]
    position: Mapped[int] = mapped_column(server_default=text("0"))
    state: Mapped[str] = mapped_column(server_default=text("'candidate'"))


class IdentityRow(Identified, Model):
    """Whom a source means by an id of its own. The one table that links an outside identity to a user.

    ``linked_by`` says how the link came about: ``account`` (made with it), ``first_login``, ``import``, ``staff``.
    """

    __tablename__ = "identity"
    __preview__ = Preview.KEEP
    __table_args__ = (Index("identity_source_id_external_id_uq", "source_id", "external_id", unique=True),)

    source_id: Mapped[UUID] = mapped_column(ForeignKey("login_source.id"))
    external_id: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    linked_at: Mapped[datetime]
    linked_by: Mapped[str]


class PasswordCredential(Model):
    """The password of a user, as an Argon2id hash in PHC form. No API reads it."""

    __tablename__ = "password_credential"
    __preview__ = Preview.KEEP
    __is_secret__ = True

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    password_hash: Mapped[str]
    changed_at: Mapped[datetime]


class LoginRow(Identified, Model):
    """A browser or program in which somebody is logged in. The token itself is only in its cookie.

    It is valid while it has not ended, before ``expires_at`` (absolute), within ``idle_seconds`` of ``last_seen_at``, and
    for the user's ``access_version`` only.
    """

    __tablename__ = "login"
    __preview__ = Preview.DROP
    __table_args__ = (
        Index("login_token_hash_uq", "token_hash", unique=True),
        Index("login_user_id_ix", "user_id", postgresql_where=text("ended_at is null")),
        CheckConstraint("portal in ('user', 'admin')", name="portal_known"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_sha256"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("login_source.id"))
    portal: Mapped[str]
    access_version: Mapped[int]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    idle_seconds: Mapped[int]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    address: Mapped[str]
    user_agent: Mapped[str]


class LoginAttempt(Identified, Model):
    """One try to log in, with the private reason for its outcome. For support, never shown to who tried.

    What was typed is not kept for an unknown name: people type their password there.
    """

    __tablename__ = "login_attempt"
    __preview__ = Preview.DROP
    __table_args__ = (Index("login_attempt_at_ix", "at"), Index("login_attempt_user_id_ix", "user_id", "at"))

    at: Mapped[datetime]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    source: Mapped[str]
    portal: Mapped[str]
    reason: Mapped[str]
    address: Mapped[str]
    user_agent: Mapped[str]


class LinkPurpose(StrEnum):
    """What a one-time link is good for."""

    INVITATION = "invitation"
    ENTRY = "entry"


class OneTimeLink(Identified, Model):
    """A link that was sent to a person, or handed to one who is logged in: good once, until ``expires_at``.

    The token stands in the link only; its hash is bound to the environment and the purpose.
    """

    __tablename__ = "one_time_link"
    __preview__ = Preview.DROP
    __is_secret__ = True
    __table_args__ = (
        Index("one_time_link_token_hash_uq", "token_hash", unique=True),
        Index("one_time_link_user_id_ix", "user_id", postgresql_where=text("used_at is null")),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_sha256"),
        CheckConstraint("purpose in ('invitation', 'entry')", name="purpose_known"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PreviewGuest(Identified, Model):
    """Somebody who may log in to this preview although no role makes them staff, by the key of the user name.

    The rows are the preview's own: they outlive its refreshes, and whoever is unknown to the new copy stays outside.
    """

    __tablename__ = "preview_guest"
    __preview__ = Preview.KEEP
    __table_args__ = (Index("preview_guest_name_key_uq", "name_key", unique=True),)

    name_key: Mapped[str] = mapped_column(info={"key": True})
    invited_at: Mapped[datetime] = mapped_column(info={"preview": Preview.OWN})
    invited_by: Mapped[str] = mapped_column(info={"preview": Preview.OWN})
