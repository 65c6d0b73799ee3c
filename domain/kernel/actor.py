"""Who acts, and what they may do: values only. Who becomes which actor is decided in ``auth``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from domain.kernel.errors import Denied, LoginRequired


class Permission(StrEnum):
    """Everything that may be allowed or refused. Roles grant these; fields and actions name the one they need."""

    VIEW_LOTS = "view_lots"
    MANAGE_LOTS = "manage_lots"
    VIEW_PERMITS = "view_permits"
    MANAGE_PERMITS = "manage_permits"
    VIEW_USERS = "view_users"
    MANAGE_USERS = "manage_users"
    VIEW_SYSTEM_TASKS = "view_system_tasks"
    RUN_SYSTEM_TASKS = "run_system_tasks"
    VIEW_SETTINGS = "view_settings"
    MANAGE_SETTINGS = "manage_settings"
    MANAGE_PREVIEWS = "manage_previews"
    APPROVE_FEATURES = "approve_features"
    MANAGE_DOMAINS = "manage_domains"
    VIEW_MAIL = "view_mail"
    VIEW_AUDIT = "view_audit"
    WRITE_OPERATIONS = "write_operations"
    VIEW_TENANTS = "view_tenants"
    MANAGE_TENANTS = "manage_tenants"


PLATFORM_PERMISSIONS = frozenset({Permission.VIEW_TENANTS, Permission.MANAGE_TENANTS})
"""Permissions of the platform's own staff: no role of a tenant may grant them."""

TENANT_PERMISSIONS = frozenset(Permission) - PLATFORM_PERMISSIONS


class ActorKind(StrEnum):
    """In which capacity somebody acts."""

    GUEST = "guest"
    USER = "user"
    STAFF = "staff"
    PLATFORM = "platform"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in one environment (or, for platform staff, on the control plane).

    ``user_id`` is the person, ``user_type_id`` decides which lots a user sees, ``login_id`` is the login it came by.
    A *reduced* actor is a class of people rather than a person (a shared live execution runs as one).
    """

    kind: ActorKind
    permissions: frozenset[Permission] = frozenset()
    user_id: UUID | None = None
    user_type_id: UUID | None = None
    login_id: UUID | None = None
    is_reduced: bool = False
    name: str = field(default="", compare=False)

    @classmethod
    def guest(cls) -> Actor:
        """Somebody who is not logged in."""
        return cls(ActorKind.GUEST)

    @classmethod
    def system(cls, name: str = "system") -> Actor:
        """The platform itself, acting inside one tenant: a system task. Holds every permission of a tenant."""
        return cls(ActorKind.SYSTEM, TENANT_PERMISSIONS, name=name)

    @property
    def subject(self) -> UUID:
        """The person. Raises LoginRequired for a guest, and RuntimeError for a reduced actor, which is nobody."""
        if self.is_reduced:
            msg = "a shared execution asked who is watching"
            raise RuntimeError(msg)
        if self.user_id is None:
            raise LoginRequired("You must log in first.")
        return self.user_id

    def may(self, permission: Permission) -> bool:
        """Whether the actor holds the permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise LoginRequired (guests) or Denied unless the actor holds the permission."""
        if permission in self.permissions:
            return
        if self.kind is ActorKind.GUEST:
            raise LoginRequired("You must log in first.")
        raise Denied("You do not have the permission for this.", permission=permission.value)

    def reduced(self, mentioned: frozenset[Permission]) -> Actor:
        """The class of viewers this actor belongs to, for an operation that mentions these permissions."""
        user_type = self.user_type_id if self.kind is ActorKind.USER else None
        return replace(
            self,
            permissions=self.permissions & mentioned,
            user_id=None,
            login_id=None,
            user_type_id=user_type,
            is_reduced=True,
            name="",
        )
