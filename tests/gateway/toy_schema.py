"""The toy's schema: one field for each thing that the edge must carry, refuse or share."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import strawberry

from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Invalid, NotFound, StaleEnvironment
from schema.context import CookiesNeedHttp, RequestFacts, Transport
from schema.declare import PUBLIC, SUBJECT, live, needs, requires
from tenants.environments import Environment


class ToyRefused(NotFound):
    """An expected failure of the toy."""

    code = "toy.refused"


@dataclass
class World:
    """What the toy's resolvers read, and what happened in it."""

    count: int = 0
    runs: int = 0
    is_broken: bool = False
    is_held: bool = False
    fault: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    actors: dict[str, Actor] = field(default_factory=dict)
    ended_reads: int = 0
    gone: set[str] = field(default_factory=set)
    rechecked: list[frozenset[UUID]] = field(default_factory=list)


@dataclass
class ToyContext:
    """A context without a platform."""

    world: World
    actor: Actor
    facts: RequestFacts
    environment: Environment | None
    cookies: list[str] = field(default_factory=list)

    async def end_reads(self) -> None:
        """There is nothing to end but to count it."""
        self.world.ended_reads += 1


ToyInfo = strawberry.Info[ToyContext, None]


@strawberry.interface
class Pin:
    """What lies on the toy's map."""

    name: str


@needs(PUBLIC)
@strawberry.type
class Group(Pin):
    """A pin that anybody may see, with one field that few may."""

    children: list["Group"]

    secret: str = strawberry.field(default="a staff matter", metadata=requires(Permission.VIEW_LOTS))


def check_place(info: ToyInfo) -> str:
    """The environment's schema, unless the world has moved on."""
    environment = info.context.environment
    assert environment is not None
    info.context.world.runs += 1
    if environment.schema in info.context.world.gone:
        raise StaleEnvironment("This environment has moved.")
    return environment.schema


def read_subject(info: ToyInfo) -> str:
    """Who asks."""
    return str(info.context.actor.subject)


async def read_count(info: ToyInfo) -> int:
    """The state, which changes with a note; waits where the world is told to."""
    world = info.context.world
    world.runs += 1
    count = world.count
    if world.is_held:
        await world.gate.wait()
    return count


@needs(PUBLIC)
@strawberry.type
class Query:
    """What the toy can be asked."""

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        """A greeting."""
        return f"hello {name}"

    @strawberry.field
    def groups(self) -> list[Group]:
        """Two groups."""
        return [Group(name=name, children=[Group(name=f"{name}1", children=[])]) for name in ("a", "b")]

    @strawberry.field
    def pins(self) -> list[Pin]:
        """The same as pins."""
        return [Group(name="a", children=[])]

    @strawberry.field
    async def slow(self, info: ToyInfo) -> str:
        """Answers when the gate is opened."""
        await info.context.world.gate.wait()
        return "done"

    @strawberry.field
    def schema_name(self, info: ToyInfo) -> str | None:
        """Where it was read; fails where the environment is no more."""
        return check_place(info)

    @strawberry.field
    def broken(self, info: ToyInfo) -> str | None:
        """The world's fault, else a mistake of ours, with a secret in its words."""
        if info.context.world.fault is not None:
            raise info.context.world.fault
        msg = "password=hunter2"
        raise RuntimeError(msg)

    @strawberry.field
    def missing(self, wanted: strawberry.ID) -> str | None:
        """An expected failure."""
        raise ToyRefused("There is no such thing.", field="wanted", wanted=wanted)

    count: int = strawberry.field(resolver=read_count, metadata=requires(PUBLIC) | live("count"))
    me: str = strawberry.field(resolver=read_subject, metadata=requires(SUBJECT))


@needs(PUBLIC)
@strawberry.type
class Mutation:
    """What the toy can do."""

    @strawberry.mutation
    def raise_count(self, info: ToyInfo) -> int:
        """Change the state."""
        info.context.world.count += 1
        return info.context.world.count

    @strawberry.mutation
    def change_here(self, info: ToyInfo) -> str | None:
        """Change the state; fails where the environment is no more."""
        name = check_place(info)
        info.context.world.count += 1
        return name

    @strawberry.mutation
    async def slow_change(self, info: ToyInfo) -> int:
        """Change the state when the gate is opened."""
        await info.context.world.gate.wait()
        info.context.world.count += 1
        return info.context.world.count

    @strawberry.mutation
    def log_in(self, info: ToyInfo) -> str:
        """Set a cookie, as a login does."""
        if info.context.facts.transport is not Transport.HTTP:
            raise CookiesNeedHttp("Log in over HTTP.")
        info.context.cookies.append("__Host-toy=ann; Path=/")
        return "ann"


@needs(PUBLIC)
@strawberry.type
class LiveState:
    """What is live in the toy."""

    count: int
    pad: str

    staff_count: int = strawberry.field(metadata=requires(Permission.VIEW_LOTS))
    viewer: str = strawberry.field(resolver=read_subject, metadata=requires(SUBJECT))


async def follow_state(info: ToyInfo, pad: int = 0, ids: list[strawberry.ID] | None = None) -> AsyncIterator[LiveState]:
    """The state now."""
    world = info.context.world
    world.runs += 1
    if world.fault is not None:
        raise world.fault.with_traceback(None)  # else it grows with each raise
    if world.is_broken:
        msg = "the database is away"
        raise OSError(msg)
    if ids and "wrong" in ids:
        raise Invalid("This id is wrong.", field="ids")
    yield LiveState(count=world.count, pad="x" * pad, staff_count=world.count)


@needs(PUBLIC)
@strawberry.type
class Subscription:
    """What is live."""

    state = strawberry.subscription(resolver=follow_state, metadata=live("count") | requires(PUBLIC))
