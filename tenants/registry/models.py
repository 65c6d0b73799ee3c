"""Tables of the schema ``registry``: tenants, environments, host names, cells, keys, the platform's staff, audit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.kernel.model import NAMING, TYPES, Identified, Json


class RegistryModel(DeclarativeBase):
    """A table of the registry."""

    metadata = MetaData(schema="registry", naming_convention=NAMING)
    type_annotation_map = TYPES


class TenantRow(Identified, RegistryModel):
    """A customer."""

    __tablename__ = "tenant"
    __table_args__ = (Index("tenant_mail_domain_uq", "mail_domain", unique=True),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    plan: Mapped[str] = mapped_column(server_default="standard")
    state: Mapped[str] = mapped_column(server_default="pending")
    time_zone: Mapped[str] = mapped_column(server_default="America/Toronto")
    locale: Mapped[str] = mapped_column(server_default="en-CA")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    extra_features: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    limits: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    mail_domain: Mapped[str | None]
    mail_domain_verified_at: Mapped[datetime | None]


class DataKeyRow(RegistryModel):
    """A data key of a tenant, wrapped by the platform's key ring. Erasing the rows makes its secrets unreadable.

    ``unneeded_since`` is when the sweep found that nothing needs it any more, and did so each time since.
    """

    __tablename__ = "data_key"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("registry.tenant.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    wrapped: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    unneeded_since: Mapped[datetime | None]


class CellRow(RegistryModel):
    """A database that holds environments. ``address`` is a URL without credentials, null for the registry's own.

    ``environment_group`` is the one that new environments of it are made for, null for both. A closed cell takes none.
    One that was removed stays, since what was in it names it.
    """

    __tablename__ = "cell"

    name: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str | None]
    environment_group: Mapped[str | None]
    is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    removed_at: Mapped[datetime | None]


class EnvironmentRow(Identified, RegistryModel):
    """One copy of a tenant's data. The schema named here follows the grant in the cell, which is the switch."""

    __tablename__ = "environment"
    __table_args__ = (
        Index("environment_cell_schema_name_uq", "cell", "schema_name", unique=True),
        Index(
            "environment_tenant_id_kind_uq",
            "tenant_id",
            "kind",
            unique=True,
            postgresql_where=text("state <> 'deleted'"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("registry.tenant.id"))
    kind: Mapped[str]
    cell: Mapped[str] = mapped_column(ForeignKey("registry.cell.name"))
    schema_name: Mapped[str]
    role_name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(server_default="pending")
    head: Mapped[str] = mapped_column(server_default="")
    last_login_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    embedding_sites: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    exempt_networks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    is_locked: Mapped[bool] = mapped_column(server_default=text("false"))
    trial_features: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    copied_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    migrated_at: Mapped[datetime | None]
    migration_error: Mapped[str | None]
    is_moving: Mapped[bool] = mapped_column(server_default=text("false"))


class HostnameRow(RegistryModel):
    """A host name that leads to an environment.

    ``is_redirect`` names lead to the primary one. ``until`` is when an old name of a renamed tenant ends.
    """

    __tablename__ = "hostname"
    __table_args__ = (
        CheckConstraint("name = lower(name)", name="lower_case"),
        CheckConstraint("kind in ('canonical', 'vanity')", name="kind_known"),
        CheckConstraint("not (is_primary and is_redirect)", name="primary_answers"),
        Index("hostname_environment_id_primary_uq", "environment_id", unique=True, postgresql_where=text("is_primary")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"))
    kind: Mapped[str] = mapped_column(server_default="canonical")
    is_primary: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    is_redirect: Mapped[bool] = mapped_column(server_default=text("false"))
    until: Mapped[datetime | None]


class StaffRow(Identified, RegistryModel):
    """A member of the platform's own staff: an identity of the ops host only."""

    __tablename__ = "staff"

    user_name: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    access_version: Mapped[int] = mapped_column(server_default=text("1"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StaffLoginRow(Identified, RegistryModel):
    """A browser or program in which a member of staff is logged in; the token is stored as its SHA-256."""

    __tablename__ = "staff_login"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("registry.staff.id"), index=True)
    access_version: Mapped[int]
    address: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class TransitionRow(Identified, RegistryModel):
    """One step in the life of an environment: from, to, who, why."""

    __tablename__ = "transition"

    environment_id: Mapped[UUID] = mapped_column(ForeignKey("registry.environment.id"), index=True)
    before: Mapped[str]
    after: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class RegistryAuditRow(Identified, RegistryModel):
    """Who of the platform did what. The application may only insert and read."""

    __tablename__ = "audit"

    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[str]
    action: Mapped[str]
    facts: Mapped[Json]


class VersionRow(RegistryModel):
    """One row, written by trigger: rises with every change of tenants, environments, host names, cells and keys.

    ``whole`` is the last version that was no change of single tenants: who holds an older one reads everything.
    """

    __tablename__ = "version"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
    whole: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class TenantChangeRow(RegistryModel):
    """The version at which anything that processes hold of a tenant changed last, written by trigger."""

    __tablename__ = "tenant_change"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, index=True)
