"""Tables of the schema ``registry`` about what is done with environments: backups, copies, locks, domains, approvals."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.model import Identified
from tenants.registry.models import RegistryModel


class BackupKeyRow(RegistryModel):
    """What a tenant's backups are encrypted to (age). The identity, which opens them, is wrapped by the key ring."""

    __tablename__ = "backup_key"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("registry.tenant.id"), primary_key=True)
    recipient: Mapped[str]
    wrapped_identity: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VanityDomainRow(Identified, RegistryModel):
    """A client's claim to a host name of its own: requested, active once its DNS was right, then failing or quarantined.

    Two tenants may request one name; only who shows the TXT token gets it. A released one is quarantined ``until``.
    """

    __tablename__ = "vanity_domain"
    __table_args__ = (
        Index("vanity_domain_environment_id_name_uq", "environment_id", "name", unique=True),
        Index(
            "vanity_domain_held_uq",
            "name",
            unique=True,
            postgresql_where=text("state in ('active', 'failing', 'quarantined')"),
        ),
        CheckConstraint("state in ('requested', 'active', 'failing', 'quarantined')", name="state_known"),
    )

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"))
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="requested")
    token: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    verified_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    problems: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    until: Mapped[datetime | None]


class BackupRow(Identified, RegistryModel):
    """One backup of an environment. Its files lie in ``folder`` of the storage; ``manifest_sha256`` proves them.

    ``data_keys`` are the versions that its secrets are sealed with; null: not known.
    """

    __tablename__ = "backup"
    __table_args__ = (Index("backup_environment_id_started_at_ix", "environment_id", "started_at"),)

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"))
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="running")
    actor: Mapped[str]
    folder: Mapped[str]
    head: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    manifest_sha256: Mapped[str | None]
    data_keys: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    verified_at: Mapped[datetime | None]
    error: Mapped[str | None]


class CopyRow(Identified, RegistryModel):
    """One copy of data into a new schema of an environment: a refresh of a preview, a restore, a move.

    One at a time for an environment; ``verify`` is the proof of a backup, in a schema that nobody sees. Staff and admins watch
    ``step`` and ``rows_done``; ``from_schema`` serves until the grant names ``to_schema``.
    """

    __tablename__ = "copy"
    __table_args__ = (
        Index("copy_environment_id_started_at_ix", "environment_id", "started_at"),
        Index(
            "copy_unfinished_uq",
            "environment_id",
            unique=True,
            postgresql_where=text("state in ('queued', 'running') and kind <> 'verify'"),
        ),
    )

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"))
    kind: Mapped[str]
    backup_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.backup.id"))
    to_cell: Mapped[str | None] = mapped_column(ForeignKey("registry.cell.name"))
    from_schema: Mapped[str | None]
    to_schema: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    step: Mapped[str] = mapped_column(server_default="queued")
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rows_total: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    actor: Mapped[str]
    carried_login_id: Mapped[UUID | None]
    is_anonymised: Mapped[bool] = mapped_column(server_default=text("false"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    from_cell: Mapped[str | None] = mapped_column(ForeignKey("registry.cell.name"))
    from_role: Mapped[str | None]


class LockRow(Identified, RegistryModel):
    """One locking or unlocking of a preview against refreshes."""

    __tablename__ = "lock_history"
    __table_args__ = (Index("lock_history_environment_id_at_ix", "environment_id", "at"),)

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"))
    is_locked: Mapped[bool]
    reason: Mapped[str]
    actor: Mapped[str]
    actor_user_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ApprovalRow(Identified, RegistryModel):
    """A feature that a client tries in its preview, until its admin lets it go to production."""

    __tablename__ = "approval"
    __table_args__ = (
        Index("approval_open_uq", "tenant_id", "feature", unique=True, postgresql_where=text("decided_at is null")),
    )

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("registry.tenant.id"))
    feature: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    reminded_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    is_approved: Mapped[bool | None]
    reason: Mapped[str] = mapped_column(server_default="")


class ErasureRow(RegistryModel):
    """That a tenant was deleted: what proves it, and when the last copy of its data in base backups is gone."""

    __tablename__ = "erasure"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("registry.tenant.id"), primary_key=True)
    actor: Mapped[str]
    reason: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    keys_destroyed_at: Mapped[datetime | None]
    schemas: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    backups: Mapped[int] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
    base_backups_until: Mapped[datetime | None]


class StepRow(RegistryModel):
    """One step in the making of an environment: how often it was begun, and what became of it the last time."""

    __tablename__ = "provisioning_step"
    __table_args__ = (CheckConstraint("state in ('running', 'done', 'failed')", name="state_known"),)

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=text("1"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
