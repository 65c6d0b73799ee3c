"""The environment that answers, as the portal and the admin API show it."""

from __future__ import annotations

import strawberry

from schema.declare import PUBLIC, needs
from tenants.environments import Environment as Registered
from tenants.environments import EnvironmentGroup, EnvironmentKind


@needs(PUBLIC)
@strawberry.type(description="The site that answers: a production site, or a preview of one.")
class Environment:
    """One environment, without anything that only staff may know."""

    tenant_name: str = strawberry.field(description="The client's name.")
    kind: EnvironmentKind = strawberry.field(description="What this environment is for.")
    is_preview: bool = strawberry.field(description="Whether it carries the orange banner: nothing real happens here.")
    time_zone: str = strawberry.field(description="The IANA time zone that local times are meant in.")
    host: str = strawberry.field(description="The host name that links go to.")


def shown(environment: Registered) -> Environment:
    """The environment as it is shown to everybody."""
    return Environment(
        tenant_name=environment.tenant.name,
        kind=environment.kind,
        is_preview=environment.kind.group is EnvironmentGroup.TEST,
        time_zone=environment.time_zone,
        host=environment.primary_host,
    )
