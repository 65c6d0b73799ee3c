"""Tables of people, their types and their roles. Nobody is deleted: people are archived."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class Grouping(StrEnum):
    """The four masters that user types are grouped under."""

    STAFF = "staff"
    STUDENT = "student"
    PUBLIC = "public"
    ATHLETICS = "athletics"


class UserType(Identified, Model):
    """What kind of person a user is; decides which lots are offered. ``Guest`` is built in."""

    __tablename__ = "user_type"
    __preview__ = Preview.KEEP
    __table_args__ = (
        Index("user_type_name_uq", "name", unique=True),
        CheckConstraint("grouping in ('staff', 'student', 'public', 'athletics')", name="grouping_known"),
        CheckConstraint("extra_active_vehicles >= 0", name="extra_active_vehicles_positive"),
    )

    name: Mapped[str]
    grouping: Mapped[str]
    is_visible: Mapped[bool] = mapped_column(server_default=text("true"))
    is_builtin: Mapped[bool] = mapped_column(server_default=text("false"))
    extra_active_vehicles: Mapped[int] = mapped_column(server_default=text("0"))


class User(Identified, Model):
    """A person. *Disabled* cannot log in; *archived* is put away. ``access_version`` ends all logins when it rises.

    ``user_name_key`` and ``email_key`` are what two names are compared by (``rules.name_key``): one key, one person.
    """

    __tablename__ = "app_user"
    __preview__ = Preview.KEEP
    # Whoever holds a role keeps the name: somebody must be able to log in.
    __anonymised__ = """
        update app_user set name = 'Person ' || left(id::text, 8), user_name = 'person-' || id,
            user_name_key = 'person-' || id, email = null, email_key = null
        where not exists (select 1 from user_role r where r.user_id = app_user.id)
    """
    __table_args__ = (
        Index("app_user_user_name_key_uq", "user_name_key", unique=True),
        Index("app_user_email_key_uq", "email_key", unique=True, postgresql_where=text("email_key is not null")),
        CheckConstraint("user_name_key <> ''", name="user_name_key_given"),
        CheckConstraint("(email is null) = (email_key is null)", name="email_key_whole"),
    )

    user_name: Mapped[str]
    user_name_key: Mapped[str]
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    name: Mapped[str]
    user_type_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_type.id"), index=True)
    is_disabled: Mapped[bool] = mapped_column(server_default=text("false"))
    archived_at: Mapped[datetime | None]
    access_version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]


class Role(Identified, Model):
    """A named set of permissions. Built-in roles cannot be changed."""

    __tablename__ = "role"
    __preview__ = Preview.KEEP
    __table_args__ = (Index("role_name_uq", "name", unique=True),)

    name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_builtin: Mapped[bool] = mapped_column(server_default=text("false"))


class UserRole(Model):
    """A role that a user holds."""

    __tablename__ = "user_role"
    __preview__ = Preview.KEEP

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(ForeignKey("role.id"), primary_key=True, index=True)
