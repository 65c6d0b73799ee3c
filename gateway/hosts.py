"""Host name -> environment, for HTTP and WebSocket alike, before anything else looks at the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from gateway.asgi import ASGIApp, Receive, Scope, Send, headers, refuse
from gateway.proxies import Proxies
from gateway.robots import hidden, is_public
from schema.operations.errors import Code
from tenants.environments import Environment, State
from tenants.hostnames import MalformedHost, normalise_host
from tenants.migrations.plan import lacks_what_is_needed

KEY = "opscom.located"
SOON = ((b"retry-after", b"30"),)


class Hosts(Protocol):
    """Knows which environment answers for a name (``tenants.registry.directory.Registry``)."""

    def by_host(self, host: str) -> Environment | None:
        """The environment, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Located:
    """Where a request is asked: the normalised host, and its environment (None on the ops host)."""

    host: str
    environment: Environment | None


def located(scope: Scope) -> Located:
    """What HostRouter found out about the request."""
    return cast("Located", scope[KEY])


class HostRouter:
    """Finds the environment of every request; unknown hosts get one 404, malformed or doubled ones a 400."""

    def __init__(
        self,
        hosts: Hosts,
        ops_host: str,
        proxies: Proxies,
        *,
        tenants: ASGIApp,
        ops: ASGIApp,
        closed: ASGIApp,
        site_of: Callable[[str], str],
    ) -> None:
        """``tenants`` answers for environments, ``ops`` on the ops host, ``closed`` for suspended environments.

        ``site_of`` gives the origin of a host of ours, as links have it.
        """
        self._hosts = hosts
        self._ops_host = ops_host
        self._proxies = proxies
        self._tenants = tenants
        self._ops = ops
        self._closed = closed
        self._site_of = site_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one request or socket. A lifespan goes to ``tenants``."""
        if scope["type"] not in {"http", "websocket"}:
            await self._tenants(scope, receive, send)
            return
        scope = self._proxies.believed(scope)
        try:
            host = _host(scope)
        except MalformedHost:
            await refuse(scope, send, 400, Code.HOST_MALFORMED, "A request names its host once, in one Host header.")
            return
        environment = self._hosts.by_host(host)
        scope[KEY] = Located(host, environment)
        if environment is not None and not is_public(environment):
            send = hidden(send)
        if environment is not None and lacks_what_is_needed(environment.head):
            await refuse(scope, send, 503, Code.UPGRADING, "This site is being upgraded.", extra=SOON)
            return
        if environment is not None and host in environment.redirects and _is_opened(scope):
            await moved(scope, send, self._site_of(environment.primary_host))
            return
        if environment is not None:
            app = self._tenants if environment.state is State.ACTIVE else self._closed
        elif host == self._ops_host:
            app = self._ops
        else:
            await refuse(scope, send, 404, Code.NOT_FOUND, "Not found.")
            return
        await app(scope, receive, send)


def _is_opened(scope: Scope) -> bool:
    """Whether somebody opens a page, which is led on. What a page or a program asks is answered where it is asked.

    Clients of an API seldom follow with a POST, never with their login, and a socket can not be led on at all.
    """
    return (
        scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and scope["path"].rpartition("/")[2] != "graphql"
    )


async def moved(scope: Scope, send: Send, site: str) -> None:
    """Send to the same path of another site. Browsers may not remember it: the other one may lead here tomorrow."""
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    location = site.encode() + (scope.get("raw_path") or b"/") + query
    headers_sent = [(b"location", location), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 308, "headers": headers_sent})
    await send({"type": "http.response.body", "body": b""})


def _host(scope: Scope) -> str:
    """The one Host header, normalised. Raises MalformedHost."""
    found = headers(scope, b"host")
    if len(found) != 1:
        raise MalformedHost("A request has exactly one Host header.")
    return normalise_host(found[0])
