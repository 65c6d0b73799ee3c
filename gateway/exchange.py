"""One HTTP request on its way to an API."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.asgi import Receive, Scope, Send
from gateway.endpoint import Asking, Endpoint
from gateway.negotiation import Accepted


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked for by whom, and the ASGI callables."""

    endpoint: Endpoint
    asked: Asking
    accepted: Accepted
    scope: Scope
    receive: Receive
    send: Send
