"""Tables of lot zones and of the times at which a zone holds for a lot."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class Zone(Identified, Model):
    """A name by which third parties know one lot or several; they join by ``long_name``, exactly."""

    __tablename__ = "zone"
    __preview__ = Preview.KEEP
    __table_args__ = (
        Index("zone_long_name_uq", "long_name", unique=True, postgresql_where=text("archived_at is null")),
        CheckConstraint("long_name <> ''", name="long_name_given"),
        CheckConstraint("short_name <> ''", name="short_name_given"),
    )

    long_name: Mapped[str]
    short_name: Mapped[str]
    archived_at: Mapped[datetime | None]


class LotZone(Identified, Model):
    """When a zone holds for a lot, in the environment's time zone: by days of the week, or by dates.

    By days: ISO ``weekdays`` (1 is Monday) with ``start_time`` and ``end_time``, where 23:59 means the end of the day.
    By dates: ``first_day`` to ``last_day``, both whole. A pair of lot and zone may have several.
    """

    __tablename__ = "lot_zone"
    __preview__ = Preview.KEEP
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(weekdays, start_time, end_time) = 3 and num_nonnulls(first_day, last_day) = 0"
            " or num_nonnulls(weekdays, start_time, end_time) = 0 and num_nonnulls(first_day, last_day) = 2",
            name="days_or_dates",
        ),
        CheckConstraint(
            "weekdays <@ array[1, 2, 3, 4, 5, 6, 7]::smallint[] and cardinality(weekdays) > 0", name="weekdays_iso"
        ),
        CheckConstraint("start_time < end_time", name="times_ordered"),
        CheckConstraint("first_day <= last_day", name="dates_ordered"),
    )

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lot.id", ondelete="CASCADE"), index=True)
    zone_id: Mapped[UUID] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"), index=True)
    weekdays: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    start_time: Mapped[time | None]
    end_time: Mapped[time | None]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
