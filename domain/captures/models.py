"""The table of captured calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Model, Preview


class Capture(Identified, Model):
    """A call to a vendor that was held back. Equal ones are one row, with their number and the first and last time.

    ``address`` is where it would have gone, without credentials; ``body`` what it would have said, if anything.
    """

    __tablename__ = "capture"
    __preview__ = Preview.DROP
    __table_args__ = (
        Index("capture_equal_uq", "vendor", "purpose", "address", func.md5(text("body")), unique=True),
        Index("capture_last_at_ix", "last_at"),
    )

    vendor: Mapped[str]
    purpose: Mapped[str]
    address: Mapped[str]
    body: Mapped[str]
    count: Mapped[int] = mapped_column(server_default=text("1"))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
