"""Whether a tenant's plan includes own domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenants.environments import Tenant


def may_have_own_domain(_tenant: Tenant) -> bool:
    """Every plan does."""
    return True
