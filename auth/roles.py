"""The built-in roles of a tenant, and who counts as its staff. A role grants permissions; nothing else does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from domain.kernel.actor import TENANT_PERMISSIONS, Permission

ADMINISTRATOR = "Administrator"
OPERATOR = "Operator"
VIEWER = "Viewer"

_VIEWS = frozenset(
    {
        Permission.VIEW_LOTS,
        Permission.VIEW_PERMITS,
        Permission.VIEW_USERS,
        Permission.VIEW_SYSTEM_TASKS,
        Permission.VIEW_SETTINGS,
    }
)

BUILTIN: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {
        ADMINISTRATOR: TENANT_PERMISSIONS,
        OPERATOR: _VIEWS | {Permission.MANAGE_LOTS, Permission.MANAGE_PERMITS, Permission.RUN_SYSTEM_TASKS},
        VIEWER: _VIEWS,
    }
)


def granted(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions that the names in roles grant. Unknown names, and those of the platform's staff, grant nothing."""
    wanted = set(names)
    return frozenset(permission for permission in TENANT_PERMISSIONS if permission.value in wanted)


def is_staff(permissions: frozenset[Permission]) -> bool:
    """Whether somebody with these permissions belongs into the admin portal."""
    return bool(permissions)
