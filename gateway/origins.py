"""Who may ask from another site: never with a login.

A page of a site that the client has listed may ask and watch what guests may. A page of any other site gets no socket,
and over HTTP an answer that its browser keeps from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from gateway.asgi import Header, Message, Scope, Send, header
from tenants.environments import Environment

OwnOrigins = Callable[[Environment | None], frozenset[str]]
"""The origins of an environment's own hosts (of the ops host for None), as browsers write them."""

AS_WRITTEN_FOR_NOBODY = "null"


class Verdict(Enum):
    """What the Origin header says about a request."""

    OWN = "own"
    LISTED = "listed"
    FOREIGN = "foreign"
    FOREIGN_WITH_COOKIE = "foreign with cookie"


def judge(scope: Scope, environment: Environment | None, own_origins: OwnOrigins) -> Verdict:
    """Judge a request by its Origin. No Origin is no browser's cross-site request, so it counts as own.

    A socket from a listed site is LISTED with a cookie too, which must be ignored then: browsers send it unasked.
    """
    origin = header(scope, b"origin")
    if origin is None or origin.lower() in own_origins(environment):
        return Verdict.OWN
    has_cookie = header(scope, b"cookie") is not None
    if is_listed(origin, environment) and (scope["type"] == "websocket" or not has_cookie):
        return Verdict.LISTED
    return Verdict.FOREIGN_WITH_COOKIE if has_cookie else Verdict.FOREIGN


def is_listed(origin: str | None, environment: Environment | None) -> bool:
    """Whether the client has listed this origin, exactly as browsers write it."""
    return environment is not None and origin is not None and origin in environment.embedding.sites


def cors(send: Send, origin: str) -> Send:
    """Sends as ``send`` does, with the header that lets a listed site's page read the answer."""
    allowed: Header = (b"access-control-allow-origin", origin.encode("latin-1"))

    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], allowed]}
        await send(message)

    return send_with_origin


async def answer_preflight(scope: Scope, send: Send) -> None:
    """What a browser asks before a listed site's page may post JSON. Logins are never allowed."""
    fixed: tuple[Header, ...] = (
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"accept, content-type, last-event-id"),
        (b"access-control-max-age", b"7200"),
        (b"vary", b"origin"),
        (b"content-length", b"0"),
    )
    await cors(send, header(scope, b"origin") or "")({"type": "http.response.start", "status": 204, "headers": fixed})
    await send({"type": "http.response.body", "body": b""})
