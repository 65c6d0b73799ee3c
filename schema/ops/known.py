"""What ids of the control plane mean: tenants and environments as the registry in memory knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.kernel.errors import NotFound
from schema.ids import PLATFORM, row_id

if TYPE_CHECKING:
    from schema.context import Context
    from tenants.environments import Environment, Tenant

TenantId = Annotated[strawberry.ID, strawberry.argument(name="id", description="The tenant's id.")]
EnvironmentId = Annotated[strawberry.ID, strawberry.argument(name="id", description="The environment's id.")]


def known_environment(context: Context, environment_id: str) -> Environment | None:
    """The environment with this id, None if there is none."""
    return context.services.registry.by_id(row_id(environment_id, "Environment", PLATFORM))


def environment_of(context: Context, environment_id: str) -> Environment:
    """The environment with this id. Raises NotFound."""
    found = known_environment(context, environment_id)
    if found is None:
        raise NotFound("There is no such environment.")
    return found


def known_tenant(context: Context, tenant_id: str) -> Tenant | None:
    """The tenant with this id, None if there is none."""
    environments = context.services.registry.of_tenant(row_id(tenant_id, "Tenant", PLATFORM))
    return environments[0].tenant if environments else None
