"""What a viewer asks to watch, and under which key it is shared with others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from domain.kernel.actor import Actor
from schema.api import Api
from schema.operations.execution import Answer
from schema.operations.preparing import Operation
from schema.operations.variables import canonical, canonical_text, check_size, check_variables
from tenants.environments import Environment


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A subscription of one viewer. ``actor`` is whom it is executed as: a class of viewers, or the viewer alone.

    ``who`` is the viewer itself, for whom the hub asks from time to time whether it may still watch.
    """

    api: Api
    environment: Environment
    operation: Operation
    variables: Mapping[str, Any]
    actor: Actor
    who: Actor

    def seen_by(self, actor: Actor) -> View:
        """The same for the same viewer as it is now, with other permissions or of another type."""
        return replace(self, actor=self.operation.visibility.class_of(actor) or actor, who=actor)


RenderView = Callable[[View, Environment], Awaitable[Answer]]
"""Execute a view once, in the environment as it is now. Never raises."""
Relocate = Callable[[Environment], Awaitable[Environment | None]]
"""Look an environment up again after it moved; None if it is gone."""
Admit = Callable[[View], None]
"""Asked before a feed is opened, for its first execution. Raises Refused."""


class FeedKey(NamedTuple):
    """Equal keys see equal bytes. ``owner`` is 0 for what is shared, else it names the one viewer.

    The registry's version is no part of it: when that rises, every feed looks its environment up again and renders, so
    that two viewers of one thing never run it twice.
    """

    environment_id: UUID
    api: str
    operation_id: str
    variables: bytes
    actor: Actor
    owner: int


def view(api: Api, environment: Environment, operation: Operation, variables: Mapping[str, Any], actor: Actor) -> View:
    """The view that an actor gets: reduced to its class where nothing in the operation is personal. Raises Refused."""
    check_variables(operation, variables)
    kept = canonical(operation, variables)
    check_size(operation, kept)
    shared = operation.visibility.class_of(actor)
    return View(api, environment, operation, kept, shared or actor, actor)


def key_of(view: View, owner: int) -> FeedKey:
    """The key of a view; ``owner`` counts only if it is personal."""
    return FeedKey(
        view.environment.id,
        view.api.name,
        view.operation.id,
        canonical_text(view.variables),
        view.actor,
        0 if view.actor.is_reduced else owner,
    )
