"""The audit table of an environment: who did what, before and after. The application may only insert and read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified, Json, Model, Preview


class AuditEntry(Identified, Model):
    """One recorded event. ``before`` and ``after`` hold the changed fields only, never a secret."""

    __tablename__ = "audit_entry"
    __preview__ = Preview.KEEP
    __anonymised__ = "truncate audit_entry"

    at: Mapped[datetime] = mapped_column(index=True)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    facts: Mapped[Json]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
