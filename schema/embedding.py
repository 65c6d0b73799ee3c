"""Changing where a live map may be shown: the same form for the client's own staff and for the platform's."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from schema.context import Context
from schema.payloads import UserError, attempt_outside
from tenants.registry.actions import set_embedding


@strawberry.input(description="Changes of the two lists. What is left out stays as it is.")
class UpdateEmbeddingInput:
    """The form of the lists."""

    sites: strawberry.Maybe[list[str]] = strawberry.field(
        description="All origins, as `https://www.example.org`; at most 50."
    )
    exempt_networks: strawberry.Maybe[list[str]] = strawberry.field(
        description="All networks, as `203.0.113.0/24`; at most 50, no wider than /8 (IPv6 /32)."
    )


UpdateInput = Annotated[UpdateEmbeddingInput, strawberry.argument(name="input", description="What is to change.")]


async def change_embedding(context: Context, environment_id: UUID, typed: UpdateInput) -> list[UserError]:
    """Change the lists of an environment, tell every process, and know them here. Does *not* check a permission."""
    _, errors = await attempt_outside(context, _change(context, environment_id, typed))
    return errors


async def _change(context: Context, environment_id: UUID, typed: UpdateInput) -> None:
    async with context.services.databases.control().begin() as connection:
        await set_embedding(
            connection,
            environment_id,
            sites=typed.sites.value if typed.sites else None,
            networks=typed.exempt_networks.value if typed.exempt_networks else None,
            actor=context.who,
        )
