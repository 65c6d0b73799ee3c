"""The table of lot groups."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class LotGroup(Identified, Model):
    """Lots that share a pin on the map and, at most, one sensor source.

    ``map_color`` is ``#rrggbb``; ``free_parking_minutes`` and ``vehicle_count_limit`` are limits, None where there is none;
    the limit is also the capacity of a Parking Logix group, whose vendor gives free spaces only. ``parking_logix_key`` is
    sealed by the tenant's vault and never read back. Archiving can not be undone.
    """

    __tablename__ = "lot_group"
    __preview__ = Preview.KEEP
    __table_args__ = (
        Index("lot_group_name_uq", "name", unique=True, postgresql_where=text("archived_at is null")),
        CheckConstraint("name <> ''", name="name_given"),
        CheckConstraint("map_color ~ '^#[0-9a-f]{6}$'", name="map_color_form"),
        CheckConstraint("latitude between -90 and 90", name="latitude_range"),
        CheckConstraint("longitude between -180 and 180", name="longitude_range"),
        CheckConstraint("(latitude is null) = (longitude is null)", name="point_whole"),
        CheckConstraint("free_parking_minutes >= 0", name="free_parking_minutes_positive"),
        CheckConstraint("vehicle_count_limit >= 0", name="vehicle_count_limit_positive"),
        CheckConstraint("parking_logix_name <> ''", name="parking_logix_name_given"),
        CheckConstraint(
            "mistall_lot_id is null or num_nonnulls(parking_logix_key, parking_logix_name) = 0", name="one_sensor"
        ),
    )

    name: Mapped[str]
    map_color: Mapped[str]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    is_on_map: Mapped[bool]
    free_parking_minutes: Mapped[int | None]
    vehicle_count_limit: Mapped[int | None]
    mistall_lot_id: Mapped[UUID | None] = mapped_column(ForeignKey("sensor_lot.id"), index=True)
    parking_logix_key: Mapped[str | None] = mapped_column(info={"preview": Preview.BLANK, "sealed": True})
    parking_logix_name: Mapped[str | None] = mapped_column(index=True)
    archived_at: Mapped[datetime | None]
