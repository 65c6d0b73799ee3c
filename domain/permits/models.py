"""The table of permits, in its first form: as much as the counts need."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class PermitKind(StrEnum):
    """What is counted apart: numbered permits of a sales window, and short ones from a time to a time."""

    STANDARD = "standard"
    TEMPORARY = "temporary"


class PermitState(StrEnum):
    """Where a permit stands. Reserved and rented are of standard permits, issued of temporary ones; expired ends both."""

    RESERVED = "reserved"
    RENTED = "rented"
    ISSUED = "issued"
    EXPIRED = "expired"


class Permit(Identified, Model):
    """The right of a plate to park in a lot from ``starts_at`` until before ``ends_at``; its holder may be unknown."""

    __tablename__ = "permit"
    __preview__ = Preview.KEEP
    __anonymised__ = """
        update permit set plate = upper(right(id::text, 7)), plate_normalised = upper(right(id::text, 7))
    """
    __table_args__ = (
        CheckConstraint(
            "kind = 'standard' and state in ('reserved', 'rented', 'expired')"
            " or kind = 'temporary' and state in ('issued', 'expired')",
            name="state_of_kind",
        ),
        CheckConstraint("starts_at < ends_at", name="times_ordered"),
        CheckConstraint("plate_normalised <> ''", name="plate_given"),
        Index("permit_current_ix", "ends_at", "lot_id", "kind", postgresql_where=text("state <> 'expired'")),
        Index("permit_plate_normalised_ix", "plate_normalised"),
    )

    kind: Mapped[str]
    state: Mapped[str]
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lot.id"), index=True)
    plate: Mapped[str]
    plate_normalised: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    issued_at: Mapped[datetime]
    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"), index=True)
