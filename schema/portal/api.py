"""The portal's API, put together."""

from __future__ import annotations

import strawberry

import schema.enums  # noqa: F401 - makes the domain's enums known
from schema.api import Api
from schema.operations.store import Rules
from schema.portal.map import MapQueries, MapSubscriptions
from schema.portal.nodes import NodeQueries
from schema.portal.parking import Lot, LotGroup
from schema.portal.people import PeopleMutations, PeopleQueries
from schema.scalars import CONFIG


@strawberry.type(description="What the portal can be asked.")
class Query(MapQueries, NodeQueries, PeopleQueries):
    """All queries."""


@strawberry.type(description="What can be done in the portal.")
class Mutation(PeopleMutations):
    """All mutations."""


@strawberry.type(description="What the portal tells as it changes.")
class Subscription(MapSubscriptions):
    """All subscriptions."""


def build(rules: Rules | None = None) -> Api:
    """Build the API, as strict as ``rules`` say. Raises UndeclaredField if a field says not who may read it."""
    pins = (LotGroup, Lot)
    return Api(
        "portal",
        strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=pins, config=CONFIG),
        rules,
    )
