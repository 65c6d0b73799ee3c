"""Tables of lots and of the user types that may use them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class Lot(Identified, Model):
    """A place that permits are sold for.

    ``standard_allocated`` is how many standard permit numbers are allocated, ``temporary_maximum`` how many temporary
    permits may be valid at once; zero means that the kind is not offered. A lot is in at most one group.
    """

    __tablename__ = "lot"
    __preview__ = Preview.KEEP
    __table_args__ = (
        Index("lot_name_uq", "name", unique=True, postgresql_where=text("archived_at is null")),
        CheckConstraint("name <> ''", name="name_given"),
        CheckConstraint("short_name <> ''", name="short_name_given"),
        CheckConstraint("standard_allocated >= 0", name="standard_allocated_positive"),
        CheckConstraint("temporary_maximum >= 0", name="temporary_maximum_positive"),
        CheckConstraint("latitude between -90 and 90", name="latitude_range"),
        CheckConstraint("longitude between -180 and 180", name="longitude_range"),
        CheckConstraint("(latitude is null) = (longitude is null)", name="point_whole"),
    )

    name: Mapped[str]
    short_name: Mapped[str]
    is_visible: Mapped[bool]
    is_temporary_only: Mapped[bool]
    standard_allocated: Mapped[int]
    temporary_maximum: Mapped[int]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    lot_group_id: Mapped[UUID | None] = mapped_column(ForeignKey("lot_group.id"), index=True)
    archived_at: Mapped[datetime | None]


class LotUserType(Model):
    """A user type that may use a lot. A lot without any is open to nobody but staff."""

    __tablename__ = "lot_user_type"
    __preview__ = Preview.KEEP

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lot.id", ondelete="CASCADE"), primary_key=True)
    user_type_id: Mapped[UUID] = mapped_column(ForeignKey("user_type.id"), primary_key=True, index=True)
