"""Where the site's live map may be shown, and from where any number may watch it: kept in the registry."""

from __future__ import annotations

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import PUBLIC, needs, requires
from schema.embedding import UpdateInput, change_embedding
from schema.payloads import UserError


@needs(Permission.VIEW_SETTINGS)
@strawberry.type(description="Where the live map is shown besides on this site, and who may watch it in any number.")
class Embedding:
    """The two lists."""

    sites: list[str] = strawberry.field(
        description="Origins whose pages may ask and watch what guests may, and may show the map in a frame."
    )
    exempt_networks: list[str] = strawberry.field(
        description="Networks whose viewers are not counted against the cap of viewers per address."
    )


def read_embedding(info: Info) -> Embedding:
    """The lists as the registry in memory knows them."""
    here = info.context.environment
    found = (info.context.services.registry.by_id(here.id) or here).embedding
    return Embedding(sites=sorted(found.sites), exempt_networks=list(found.networks))


def _embedding_of_payload(payload: strawberry.Parent[EmbeddingPayload], info: Info) -> Embedding | None:
    return None if payload.user_errors else read_embedding(info)


@needs(PUBLIC)
@strawberry.type(description="The answer to `updateEmbedding`.")
class EmbeddingPayload:
    """The lists after the change."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")

    embedding: Embedding | None = strawberry.field(
        resolver=_embedding_of_payload,
        description="The lists as they are now; null if nothing was changed.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


async def update_embedding(info: Info, typed: UpdateInput) -> EmbeddingPayload:
    """Change the lists of this environment, tell every process, and know them here before it answers."""
    return EmbeddingPayload(user_errors=await change_embedding(info.context, info.context.environment.id, typed))


@strawberry.type
class EmbeddingQueries:
    """The lists."""

    embedding: Embedding | None = strawberry.field(
        resolver=read_embedding,
        description="Where the live map is shown besides on this site, and who may watch it in any number.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


@strawberry.type
class EmbeddingMutations:
    """Changes of the lists."""

    update_embedding: EmbeddingPayload | None = strawberry.field(
        resolver=update_embedding,
        description="Change where the live map may be shown, and who may watch it in any number.",
        metadata=requires(Permission.MANAGE_SETTINGS),
    )
