"""A toy API with a hub and no database: the edge is tried on it alone, in-process and over a real loopback socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import strawberry
import uvicorn
from starlette.routing import Router
from typing_extensions import override

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Invalid, NotFound, StaleEnvironment
from gateway.endpoint import Endpoint
from gateway.graphql import graphql_routes
from gateway.hosts import HostRouter, closed
from gateway.intake import BoundedHttp
from gateway.live.caps import Caps
from gateway.live.feed import Pace
from gateway.live.hub import Hub
from gateway.live.views import View
from gateway.proxies import Proxies
from gateway.server import config, listener
from schema.api import Api
from schema.context import CookiesNeedHttp, RequestFacts, Transport
from schema.declare import PUBLIC, SUBJECT, live, needs, requires
from schema.operations.execution import Answer, render
from schema.operations.store import Rules
from tenants.environments import Environment, EnvironmentKind, State, Tenant

HOST = "toy.ops-com.localhost"
Topics = frozenset[str]


class ToyRefused(NotFound):
    """An expected failure of the toy."""

    code = "toy.refused"


@dataclass
class World:
    """What the toy's resolvers read, and what happened in it."""

    count: int = 0
    runs: int = 0
    is_broken: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    actors: dict[str, Actor] = field(default_factory=dict)
    ended_reads: int = 0
    gone: set[str] = field(default_factory=set)


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
    def broken(self) -> str | None:
        """A mistake of ours, with a secret in its words."""
        msg = "password=hunter2"
        raise RuntimeError(msg)

    @strawberry.field
    def missing(self, wanted: strawberry.ID) -> str | None:
        """An expected failure."""
        raise ToyRefused("There is no such thing.", field="wanted", wanted=wanted)

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


class Notes:
    """A bus inside the process."""

    def __init__(self) -> None:
        self.callbacks: dict[UUID, list[Callable[[Topics], None]]] = {}
        self.reconnected: list[Callable[[], None]] = []

    def follow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Follow."""
        self.callbacks.setdefault(environment_id, []).append(callback)

    def unfollow(self, environment_id: UUID, callback: Callable[[Topics], None]) -> None:
        """Unfollow."""
        self.callbacks[environment_id].remove(callback)
        if not self.callbacks[environment_id]:
            del self.callbacks[environment_id]

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call back on a reconnect."""
        self.reconnected.append(callback)

    def publish(self, environment_id: UUID, topics: Topics) -> None:
        """Send a note."""
        for callback in list(self.callbacks.get(environment_id, ())):
            callback(topics)


class Sites:
    """A registry inside the process."""

    def __init__(self, *environments: Environment) -> None:
        self.environments = {e.id: e for e in environments}
        self.routes = {host: e for e in environments for host in e.hosts}
        self.version = 1

    def by_host(self, host: str) -> Environment | None:
        """By host."""
        return self.routes.get(host)

    def by_id(self, environment_id: UUID) -> Environment | None:
        """By id."""
        return self.environments.get(environment_id)

    async def refresh(self) -> None:
        """There is nothing newer."""

    def put(self, environment: Environment, *, is_routed: bool = True) -> None:
        """Change an environment; unless it is routed, requests still find the old one first."""
        self.environments[environment.id] = environment
        if is_routed:
            self.routes |= dict.fromkeys(environment.hosts, environment)
        self.version += 1


def environment_at(host: str, *, state: State = State.ACTIVE) -> Environment:
    """An environment that answers at one host."""
    slug = host.partition(".")[0]
    return Environment(
        id=uuid4(),
        tenant=Tenant(uuid4(), 1, slug, slug.title()),
        kind=EnvironmentKind.PRODUCTION,
        state=state,
        cell="main",
        schema="s_000001",
        role="e_000001",
        head="0001",
        time_zone="America/Toronto",
        primary_host=host,
        hosts=frozenset({host}),
    )


def actor_with(*permissions: Permission, kind: ActorKind = ActorKind.STAFF) -> Actor:
    """Somebody who is logged in."""
    return Actor(kind, frozenset(permissions), user_id=uuid4(), user_type_id=uuid4())


@dataclass
class Toy:
    """The toy put together. A cookie ``toy=NAME`` stands for ``world.actors[NAME]``."""

    world: World
    environment: Environment
    sites: Sites
    notes: Notes
    hub: Hub
    endpoint: Endpoint
    app: HostRouter

    def change(self, count: int | None = None) -> None:
        """Change the state and send the note, as a commit does."""
        self.world.count = self.world.count + 1 if count is None else count
        self.notes.publish(self.environment.id, frozenset({"count"}))


MakeToy = Callable[..., Toy]


def build_toy(*, caps: Caps | None = None, pace: Pace | None = None, rules: Rules | None = None) -> Toy:
    """Put a toy together; must be called in a running loop."""
    world, notes, environment = World(), Notes(), environment_at(HOST)
    sites = Sites(environment, environment_at("suspended.ops-com.localhost", state=State.SUSPENDED))

    def make_context(where: Environment | None, actor: Actor, facts: RequestFacts) -> ToyContext:
        return ToyContext(world, actor, facts, where)

    async def identify(_where: Environment | None, cookies: str) -> Actor:
        name = cookies.partition("toy=")[2]
        if name == "fault":
            msg = "the database is away"
            raise OSError(msg)
        return world.actors.get(name, Actor.guest())

    async def relocate(where: Environment) -> Environment | None:
        return sites.by_id(where.id)

    async def render_view(view: View, where: Environment) -> Answer:
        facts = RequestFacts(portal="toy", transport=Transport.FEED)
        return await render(view.operation, view.variables, make_context(where, view.actor, facts))

    hub = Hub(sites, notes, render_view, caps=caps, pace=pace or Pace(conflate=0.02))
    api = Api("toy", strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=[Group]), rules)
    origins = frozenset({f"http://{HOST}", f"http://{HOST}:8000"})
    endpoint = Endpoint(api, identify, make_context, relocate, lambda _where: origins, hub)
    router = Router(routes=graphql_routes("/graphql", endpoint), redirect_slashes=False)
    app = HostRouter(sites, "ops.ops-com.localhost", Proxies(()), tenants=router, ops=router, closed=closed)
    return Toy(world, environment, sites, notes, hub, endpoint, app)


@contextlib.asynccontextmanager
async def served(
    app: object, start: Callable[[uvicorn.Config], uvicorn.Server] | None = None, http: type[BoundedHttp] = BoundedHttp
) -> AsyncIterator[int]:
    """Serve an app by the gateway's own uvicorn configuration on a loopback port."""
    listening = listener("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    server = (start or _Quiet)(config(app, http=http))  # type: ignore[arg-type]
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield port
    finally:
        server.should_exit = True
        await serving


class _Quiet(uvicorn.Server):
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
