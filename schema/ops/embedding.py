"""Where a client's live map may be shown, entered by the platform's staff for the client."""

from __future__ import annotations

from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import PUBLIC, needs, requires
from schema.embedding import UpdateInput, change_embedding
from schema.ids import PLATFORM, row_id
from schema.ops.known import EnvironmentId
from schema.ops.tenants import Environment, environment_by_id
from schema.payloads import UserError


def _environment_of_payload(payload: strawberry.Parent[EnvironmentPayload], info: Info) -> Environment | None:
    return None if payload.user_errors else environment_by_id(info.context, payload.row)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of an environment.")
class EnvironmentPayload:
    """The environment after the change."""

    row: strawberry.Private[UUID]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    environment: Environment | None = strawberry.field(
        resolver=_environment_of_payload,
        description="The environment as it is now; null if nothing was changed.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


async def update_embedding(info: Info, environment_id: EnvironmentId, typed: UpdateInput) -> EnvironmentPayload:
    """Change the lists of an environment."""
    row = row_id(environment_id, "Environment", PLATFORM)
    return EnvironmentPayload(row=row, user_errors=await change_embedding(info.context, row, typed))


@strawberry.type
class EmbeddingMutations:
    """Changes of the lists."""

    update_embedding: EnvironmentPayload | None = strawberry.field(
        resolver=update_embedding,
        description="Change where an environment's live map may be shown, and who may watch it in any number.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
