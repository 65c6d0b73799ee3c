"""The admin API, put together."""

from __future__ import annotations

import strawberry

import schema.enums  # noqa: F401 - makes the domain's enums known
from schema.admin.groups import LotGroupMutations, LotGroupQueries, LotGroupSubscriptions
from schema.admin.lots import LotMutations, LotQueries
from schema.admin.parking import Lot, LotGroup
from schema.admin.zones import ZoneMutations, ZoneQueries
from schema.api import Api
from schema.scalars import CONFIG


@strawberry.type(description="What staff can ask. Each field names the permission it needs.")
class Query(LotGroupQueries, LotQueries, ZoneQueries):
    """All queries."""


@strawberry.type(description="What staff can do. Each field names the permission it needs.")
class Mutation(LotGroupMutations, LotMutations, ZoneMutations):
    """All mutations."""


@strawberry.type(description="What staff are told as it changes.")
class Subscription(LotGroupSubscriptions):
    """All subscriptions."""


def build() -> Api:
    """Build the API. Raises UndeclaredField if a field says not who may read it."""
    types = (LotGroup, Lot)
    return Api(
        "admin",
        strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=types, config=CONFIG),
    )
