"""The table of connections to third parties: for live and for test apart."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.features import Feature
from domain.kernel.model import Identified, Model, Preview


class Vendor(StrEnum):
    """Third parties that a tenant may be connected with."""

    MISTALL = "mistall"
    PARKING_LOGIX = "parking_logix"

    @property
    def feature(self) -> Feature:
        """Without this feature nothing is entered for the vendor, and it is not called."""
        return Feature(self.value)


class Integration(Identified, Model):
    """How a tenant is connected with a vendor. No row means: not enabled, nothing entered.

    Live and test values are columns apart, since a preview keeps the test ones and loses the live secret. Passwords and
    tokens are sealed by the tenant's vault and never read back by a person.
    """

    __tablename__ = "integration"
    __preview__ = Preview.KEEP
    __table_args__ = (
        UniqueConstraint("vendor"),
        CheckConstraint("vendor in ('mistall', 'parking_logix')", name="vendor_known"),
    )

    vendor: Mapped[str] = mapped_column(info={"key": True})
    is_enabled: Mapped[bool]
    technical_contact: Mapped[str | None]
    documentation_url: Mapped[str | None]
    live_endpoint: Mapped[str | None]
    live_user_name: Mapped[str | None]
    live_password: Mapped[str | None] = mapped_column(info={"preview": Preview.BLANK, "sealed": True})
    live_token: Mapped[str | None] = mapped_column(info={"preview": Preview.BLANK, "sealed": True})
    test_endpoint: Mapped[str | None] = mapped_column(info={"preview": Preview.OWN})
    test_user_name: Mapped[str | None] = mapped_column(info={"preview": Preview.OWN})
    test_password: Mapped[str | None] = mapped_column(info={"preview": Preview.OWN, "secret": True, "sealed": True})
    test_token: Mapped[str | None] = mapped_column(info={"preview": Preview.OWN, "secret": True, "sealed": True})
