"""The gateway put together: hosts, then routes, then APIs. Nothing else here makes an object that talks to the world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from starlette.routing import Router

from auth.desk import LoginDesk
from auth.models import Portal
from auth.origins import ops_origins, own_origins
from auth.staff import StaffDesk
from domain.kernel.actor import Actor, ActorKind
from domain.kernel.clock import Clock
from gateway.answers import GuestAnswers
from gateway.asgi import ASGIApp, Receive, Scope, Send, refuse
from gateway.banner import marked
from gateway.contexts import MakeContext, end_reads
from gateway.endpoint import Endpoint
from gateway.graphql import graphql_routes
from gateway.hosts import HostRouter
from gateway.identity import Identify, in_portal, on_ops_host
from gateway.live.hub import Hub
from gateway.live.views import Admit, Relocate, RenderView, View
from gateway.metrics import Metrics, Parts
from gateway.origins import OwnOrigins
from gateway.pages.app import missing, page_routes, suspended
from gateway.pages.documents import PAGES
from gateway.proxies import Proxies
from gateway.quick import QuickAnswers
from gateway.shares import Rank, Shares
from gateway.tls import has_certificate
from schema.admin.api import build as build_admin
from schema.api import Api
from schema.context import Context, RequestFacts, Services, Transport
from schema.operations.errors import Code
from schema.operations.execution import Answer, render
from schema.operations.preparing import digest_of
from schema.operations.published import publish_folder
from schema.operations.store import Rules
from schema.operations.trust import FreeForm
from schema.ops.api import build as build_ops
from schema.portal.api import build as build_portal
from tenants.bus import Bus
from tenants.copies.copier import Copier
from tenants.databases import Databases
from tenants.environments import Environment
from tenants.hostnames import ops_host
from tenants.provisioning import Provisioner
from tenants.registry.directory import Registry
from tenants.repairing import repair
from tenants.settings import Settings

ApiName = Literal["portal", "admin", "ops"]


class Platform(Protocol):
    """The parts of ``opscom.platform.Platform`` that the gateway is made from."""

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def bus(self) -> Bus:
        """Notes between processes."""
        ...

    @property
    def databases(self) -> Databases:
        """Work and Snapshot."""
        ...

    @property
    def registry(self) -> Registry:
        """Who the tenants are."""
        ...

    @property
    def provisioner(self) -> Provisioner:
        """Makes tenants."""
        ...

    @property
    def copier(self) -> Copier:
        """Backups and copies."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """The ASGI app, and what a process must run beside it and close after it."""

    app: ASGIApp
    hub: Hub
    desk: LoginDesk
    apis: Mapping[str, Api]
    metrics: Metrics
    has_certificate: Callable[[str], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket; for the server's lifespan, run."""
        if scope["type"] == "lifespan":
            await _live(self, receive, send)
        else:
            await self.app(scope, receive, send)


def create_app(
    platform: Platform,
    *,
    desk: LoginDesk | None = None,
    answers: GuestAnswers | None = None,
    shares: Shares | None = None,
) -> Gateway:
    """Build the gateway of a platform; a desk, kept answers and shares are its own unless given. Its hub beats in ``running``."""
    desk = desk or LoginDesk(platform.databases, platform.bus, platform.clock)
    staff = StaffDesk(platform.databases, platform.clock, desk.passwords, desk.throttle)
    make_context = partial(_context, _services(platform, desk, staff))
    shares = shares or Shares()
    relocate, origins = _relocator(platform), _own_origins(platform.settings)
    render_view, admit = _renderer(make_context), _admission(shares)
    hub = Hub(platform.registry, platform.bus, render_view, relocate, admit=admit, recheck=desk.behind)
    answers = answers or GuestAnswers(platform.registry, platform.bus)

    settings, apis = platform.settings, dict[str, Api]()
    metrics = Metrics(Parts(hub, answers, shares, apis, platform.databases, platform.bus, platform.registry))

    def endpoint(name: ApiName, build: Callable[[Rules], Api], identify: Identify) -> Endpoint:
        apis[name] = api = published(build(_rules(settings, name)), settings)
        return Endpoint(
            api, identify, make_context, relocate, origins, hub, answers, shares, metrics.observe, settings.ci_secret
        )

    portal = endpoint("portal", build_portal, in_portal(desk, Portal.USER))
    admin = endpoint("admin", build_admin, in_portal(desk, Portal.ADMIN))
    ops = endpoint("ops", build_ops, on_ops_host(staff))
    app = _by_host(platform, portal, admin, ops)
    certificates = partial(has_certificate, platform.registry)
    return Gateway(QuickAnswers(app, answers), hub, desk, apis, metrics, certificates)


def _by_host(platform: Platform, portal: Endpoint, admin: Endpoint, ops: Endpoint) -> HostRouter:
    sites = [
        *graphql_routes("/graphql", portal),
        *graphql_routes("/admin/graphql", admin),
        *page_routes(portal, admin, platform.settings),
    ]
    return HostRouter(
        platform.registry,
        ops_host(platform.settings.base_domain),
        Proxies(platform.settings.trusted_proxies),
        tenants=Router(routes=sites, default=missing, redirect_slashes=False),
        ops=Router(routes=graphql_routes("/graphql", ops), default=_not_found, redirect_slashes=False),
        closed=suspended,
        site_of=platform.settings.site_of,
    )


def published(api: Api, settings: Settings) -> Api:
    """The API with the documents of our own pages and of the deployment's manifests. Raises ManifestInvalid."""
    api.operations.publish({digest_of(text): text for text in PAGES.get(api.name, ())})
    if settings.manifests is not None:
        publish_folder(api, settings.manifests)
    return api


def _rules(settings: Settings, name: ApiName) -> Rules:
    return Rules(
        introspection=settings.introspection,
        suggestions=settings.suggestions,
        free_form=FreeForm(settings.free_form.get(name, FreeForm.EVERYBODY)),
    )


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[None]:
    """Keep the hub's heart beating; at the end send everybody away at once and close the log-in desk."""
    beating = asyncio.create_task(gateway.hub.run())
    try:
        yield
    finally:
        await gateway.hub.drain(0)
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        await gateway.desk.close()


async def _live(gateway: Gateway, receive: Receive, send: Send) -> None:
    await receive()
    async with running(gateway):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _services(platform: Platform, desk: LoginDesk, staff: StaffDesk) -> Services:
    return Services(
        settings=platform.settings,
        clock=platform.clock,
        databases=platform.databases,
        registry=platform.registry,
        bus=platform.bus,
        provisioner=platform.provisioner,
        copier=platform.copier,
        desk=desk,
        staff=staff,
    )


def _context(services: Services, where: Environment | None, actor: Actor, facts: RequestFacts) -> Context:
    return Context(services, actor, facts, where)


def _renderer(make_context: MakeContext) -> RenderView:
    """Renders a feed with a context of its own, which knows nothing of any viewer."""

    async def render_view(view: View, environment: Environment) -> Answer:
        facts = RequestFacts(portal=view.api.name, transport=Transport.FEED, host=environment.primary_host)
        context = make_context(environment, view.actor, facts)
        try:
            return marked(await render(view.operation, view.variables, context), environment)
        finally:
            await end_reads(context, view.operation)

    return render_view


def _admission(shares: Shares) -> Admit:
    """The first execution of a feed is paid for by its environment; what follows is shared by all who watch, and free."""

    def admit(view: View) -> None:
        cost = view.operation.cost.of(view.variables)
        shares.spend(view.environment, cost, Rank.GUEST if view.actor.kind is ActorKind.GUEST else Rank.KNOWN)

    return admit


def _relocator(platform: Platform) -> Relocate:
    async def relocate(environment: Environment) -> Environment | None:
        await platform.registry.load()
        found = platform.registry.by_id(environment.id)
        if found == environment and await repair(platform.databases, environment):
            await platform.registry.load()
            return platform.registry.by_id(environment.id)
        return found

    return relocate


def _own_origins(settings: Settings) -> OwnOrigins:
    def own(environment: Environment | None) -> frozenset[str]:
        return ops_origins(settings) if environment is None else own_origins(environment, settings)

    return own


async def _not_found(scope: Scope, _receive: Receive, send: Send) -> None:
    await refuse(scope, send, 404, Code.NOT_FOUND, "Not found.")
