"""Stock Strawberry: its own ASGI app over our types and resolvers, with its parse and validation caches and orjson.

Its live map is as kind to it as can be: the database is read once a change for all viewers, so what is left for each
viewer is what Strawberry itself does, an execution and a rendering.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from typing import Any

import orjson
import strawberry
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from typing_extensions import override

from domain.kernel.actor import Actor
from domain.kernel.snapshot import Snapshot
from domain.pins.queries import visitor_map
from opscom.platform import Platform
from schema.portal.api import Query
from schema.portal.parking import Lot, LotGroup, Occupancy, pins_of
from schema.scalars import CONFIG
from tenants.environments import Environment

GUEST = Actor.guest()


@dataclass
class Board:
    """The state of one environment's map in memory, read anew after each note of the bus."""

    platform: Platform
    environment: Environment
    state: Occupancy | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _noted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Keep the state current until cancelled."""
        self.platform.bus.follow(self.environment.id, lambda _topics: self._noted.set())
        self._noted.set()
        while True:
            await self._noted.wait()
            self._noted.clear()
            async with self.platform.databases.snapshot(self.environment, GUEST) as snapshot:
                parking = await visitor_map(snapshot)
            self.state = Occupancy(pins=pins_of(parking, self.environment.tenant.number))
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def follow(self) -> AsyncIterator[Occupancy]:
        """The state now and after each change."""
        while True:
            changed = self._changed
            if self.state is not None:
                yield self.state
            await changed.wait()


@dataclass(frozen=True)
class MapContext:
    """What the map's resolvers read of a context."""

    environment: Environment
    snapshot: Snapshot
    loaded: dict[Hashable, asyncio.Future[object]] = field(default_factory=dict)


def make_app(platform: Platform, environment: Environment, board: Board) -> GraphQL[MapContext, None]:
    """The app, for one environment and guests only."""

    async def follow_occupancy() -> AsyncIterator[Occupancy]:
        async for state in board.follow():
            yield state

    @strawberry.type
    class Subscription:
        occupancy: AsyncIterator[Occupancy] = strawberry.subscription(resolver=follow_occupancy)

    caches = [ParserCache, ValidationCache]
    schema = strawberry.Schema(Query, None, Subscription, types=(LotGroup, Lot), config=CONFIG, extensions=caches)

    class App(GraphQL[MapContext, None]):
        """With a context of ours for each request, whose reads end with it."""

        @override
        async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
            async with platform.databases.snapshot(environment, GUEST) as snapshot:
                return await super().run(request, context=MapContext(environment, snapshot), root_value=None)

        @override
        def encode_json(self, data: object) -> str | bytes:
            return orjson.dumps(data).decode()

    return App(schema, graphql_ide=None)
