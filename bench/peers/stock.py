"""Stock Strawberry: its own ASGI app over our types and resolvers, with its parse and validation caches and orjson.

Its live map is as kind to it as can be: the database is read once a change for all viewers, so what is left for each
viewer is what Strawberry itself does, an execution and a rendering.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from typing_extensions import override

from auth.desk import LoginDesk
from auth.staff import StaffDesk
from domain.kernel.actor import Actor
from domain.pins.queries import visitor_map
from opscom.platform import Platform
from schema.context import Context, RequestFacts, Services, Transport
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


def make_app(platform: Platform, environment: Environment, board: Board) -> GraphQL[Context, None]:
    """The app, for one environment and guests only."""

    async def follow_occupancy() -> AsyncIterator[Occupancy]:
        async for state in board.follow():
            yield state

    @strawberry.type
    class Subscription:
        occupancy: AsyncIterator[Occupancy] = strawberry.subscription(resolver=follow_occupancy)

    caches = [ParserCache, ValidationCache]
    schema = strawberry.Schema(Query, None, Subscription, types=(LotGroup, Lot), config=CONFIG, extensions=caches)
    facts = RequestFacts(portal="portal", transport=Transport.HTTP, host=environment.primary_host)
    make_context = partial(Context, _services(platform), GUEST, facts, environment)

    class App(GraphQL[Context, None]):
        """With a context of ours for each request, whose reads end with it."""

        @override
        async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
            context = make_context()
            try:
                return await super().run(request, context=context, root_value=None)
            finally:
                await context.end_reads()

        @override
        def encode_json(self, data: object) -> str | bytes:
            return orjson.dumps(data).decode()

        @override
        async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
            return make_context()

    return App(schema, graphql_ide=None)


def _services(platform: Platform) -> Services:
    desk = LoginDesk(platform.databases, platform.bus, platform.clock)
    return Services(
        settings=platform.settings,
        clock=platform.clock,
        databases=platform.databases,
        registry=platform.registry,
        bus=platform.bus,
        key_ring=platform.key_ring,
        provisioner=platform.provisioner,
        desk=desk,
        staff=StaffDesk(platform.databases, platform.clock, desk.passwords, desk.throttle),
    )
