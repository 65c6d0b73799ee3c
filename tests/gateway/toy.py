"""A toy API with a hub and no database: the edge is tried on it alone, in-process and over a real loopback socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import strawberry
import uvicorn
from pydantic import SecretStr
from starlette.routing import Router
from typing_extensions import override

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import StaleEnvironment
from gateway.answers import GuestAnswers
from gateway.asgi import ASGIApp
from gateway.endpoint import Endpoint
from gateway.graphql import graphql_routes
from gateway.hosts import HostRouter
from gateway.intake import BoundedHttp
from gateway.live.caps import Caps
from gateway.live.feed import Pace
from gateway.live.hub import Hub
from gateway.live.views import View
from gateway.observed import Observed
from gateway.pages.app import suspended
from gateway.proxies import Proxies
from gateway.quick import QuickAnswers
from gateway.server import config, listener
from gateway.shares import Rank, Shares
from schema.api import Api
from schema.context import RequestFacts, Transport
from schema.operations.execution import Answer, render
from schema.operations.store import Rules
from tenants.environments import Environment, EnvironmentKind, State, Tenant
from tenants.migrations.plan import Tree, head
from tests.gateway.toy_schema import Group, Mutation, Query, Subscription, ToyContext, World
from tests.patience import PATIENCE_S

HOST = "toy.ops-com.localhost"
Topics = frozenset[str]


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
        head=head(Tree.ENVIRONMENT),
        time_zone="America/Toronto",
        primary_host=host,
        hosts=frozenset({host}),
    )


def actor_with(*permissions: Permission, kind: ActorKind = ActorKind.STAFF) -> Actor:
    """Somebody who is logged in."""
    return Actor(kind, frozenset(permissions), user_id=uuid4(), user_type_id=uuid4(), login_id=uuid4())


@dataclass
class Toy:
    """The toy put together. A cookie ``toy=NAME`` stands for ``world.actors[NAME]``.

    Who ``slow`` is can be told only when the world's gate is open.
    """

    world: World
    environment: Environment
    sites: Sites
    notes: Notes
    hub: Hub
    endpoint: Endpoint
    app: QuickAnswers
    told: list[Observed]

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

    async def relocate(where: Environment) -> Environment | None:
        return sites.by_id(where.id)

    async def render_view(view: View, where: Environment) -> Answer:
        facts = RequestFacts(portal="toy", transport=Transport.FEED)
        return await render(view.operation, view.variables, make_context(where, view.actor, facts))

    shares = Shares()
    hub = Hub(
        sites,
        notes,
        render_view,
        relocate,
        admit=lambda view: shares.spend(view.environment, view.operation.cost.of(view.variables), Rank.KNOWN),
        recheck=partial(_recheck, world),
        caps=caps,
        pace=pace or Pace(conflate=0.02, refresh=10 * PATIENCE_S),  # executions are counted, however long it takes
    )
    api = Api("toy", strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=[Group]), rules)
    origins = frozenset({f"http://{HOST}", f"http://{HOST}:8000"})
    told: list[Observed] = []
    answers = GuestAnswers(sites, notes)
    endpoint = Endpoint(
        api,
        partial(_identify, world),
        make_context,
        relocate,
        lambda _where: origins,
        hub,
        answers,
        shares,
        told.append,
        SecretStr("for checks"),
    )
    router = Router(routes=graphql_routes("/graphql", endpoint), redirect_slashes=False)
    return Toy(world, environment, sites, notes, hub, endpoint, QuickAnswers(_routed(sites, router), answers), told)


def _routed(sites: Sites, router: Router) -> HostRouter:
    apps: dict[str, ASGIApp] = {"tenants": router, "ops": router, "closed": suspended}
    return HostRouter(sites, "ops.ops-com.localhost", Proxies(()), **apps, site_of="https://{}".format)


async def _identify(world: World, where: Environment | None, cookies: str) -> Actor:
    name = cookies.partition("toy=")[2]
    if name and where is not None and where.schema in world.gone:
        raise StaleEnvironment("This environment has moved.")
    if name == "slow":
        await world.gate.wait()
    if name == "fault":
        msg = "the database is away"
        raise OSError(msg)
    return world.actors.get(name, Actor.guest())


async def _recheck(world: World, where: Environment, logins: frozenset[UUID]) -> dict[UUID, Actor]:
    world.rechecked.append(logins)
    if where.schema in world.gone:
        raise StaleEnvironment("This environment has moved.")
    if world.fault is not None:
        raise world.fault.with_traceback(None)  # else it grows with each raise
    found = {a.login_id: a for a in world.actors.values() if a.login_id in logins and a.login_id is not None}
    if world.is_held:
        await world.gate.wait()
    return found


@contextlib.asynccontextmanager
async def served(
    app: object, start: Callable[[uvicorn.Config], uvicorn.Server] | None = None, http: type[BoundedHttp] = BoundedHttp
) -> AsyncIterator[int]:
    """Serve an app by the gateway's own uvicorn configuration on a loopback port."""
    listening = listener("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    server = (start or Quiet)(config(app, http=http))  # type: ignore[arg-type]
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield port
    finally:
        server.should_exit = True
        await serving


class Quiet(uvicorn.Server):
    """A server that takes no signals: the test run has them."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
