"""Tables of what sensors said: one row for each lot that a vendor counts, with its newest reading only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.features import Feature
from domain.kernel.model import Identified, Model, Preview


class SensorSource(StrEnum):
    """Whose sensors count."""

    MISTALL = "mistall"
    PARKING_LOGIX = "parking_logix"

    @property
    def feature(self) -> Feature:
        """Without this feature its readings are not taken, and do not count."""
        return Feature(self.value)


class SensorLot(Identified, Model):
    """A lot as its vendor knows it, and the newest reading, raw: counting cameras drift past capacity and below zero.

    ``external_id`` is the vendor's id (Mistall) or the exact name (Parking Logix, which has no ids). A vendor gives either
    ``occupied`` or ``free``. ``observed_at`` is the vendor's time, ``received_at`` when that reading came, ``polled_at``
    the last poll that still mentioned the lot, changed or not. A vanished lot stays, so that it can still be selected.
    """

    __tablename__ = "sensor_lot"
    __preview__ = Preview.KEEP
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        CheckConstraint("source in ('mistall', 'parking_logix')", name="source_known"),
        CheckConstraint("capacity >= 0", name="capacity_positive"),
        CheckConstraint("num_nonnulls(occupied, free) = 1", name="occupied_or_free"),
        CheckConstraint("external_id <> ''", name="external_id_given"),
    )

    source: Mapped[str]
    external_id: Mapped[str]
    name: Mapped[str]
    capacity: Mapped[int | None]
    occupied: Mapped[int | None]
    free: Mapped[int | None]
    observed_at: Mapped[datetime]
    received_at: Mapped[datetime]
    polled_at: Mapped[datetime]
    is_vanished: Mapped[bool] = mapped_column(server_default=text("false"))
