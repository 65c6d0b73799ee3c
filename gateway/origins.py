"""Who may ask from another site: never with a cookie; without one over HTTP (browsers keep the answer from the page)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from gateway.asgi import Scope, header
from tenants.environments import Environment

OwnOrigins = Callable[[Environment | None], frozenset[str]]
"""The origins of an environment's own hosts (of the ops host for None), as browsers write them."""

AS_WRITTEN_FOR_NOBODY = "null"


class Verdict(Enum):
    """What the Origin header says about a request."""

    OWN = "own"
    FOREIGN = "foreign"
    FOREIGN_WITH_COOKIE = "foreign with cookie"


def judge(scope: Scope, environment: Environment | None, own_origins: OwnOrigins) -> Verdict:
    """Judge a request by its Origin. No Origin is no browser's cross-site request, so it counts as own."""
    origin = header(scope, b"origin")
    if origin is None or origin.lower() in own_origins(environment):
        return Verdict.OWN
    return Verdict.FOREIGN if header(scope, b"cookie") is None else Verdict.FOREIGN_WITH_COOKIE
