"""GraphQL over server-sent events: distinct connections (graphql-sse), one operation a stream, on the API's own address.

The events of a live state are the same bytes for all viewers; the ``id`` of one is the hash of its state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from graphql import OperationType
from typing_extensions import override

from gateway.asgi import NOT_STORED, Header, Message, Receive, Scope, Send, header, refuse, to_body
from gateway.endpoint import Asking, Endpoint, answer, prepare
from gateway.live.counters import Counters
from gateway.live.hub import Hub
from gateway.live.outlet import AsgiOutlet
from gateway.live.payload import Payload
from gateway.live.viewer import Outlet, Viewer, Watch
from gateway.live.views import view
from gateway.parameters import Parameters
from schema.operations.errors import Code, Refused, WireError, expected_error, internal_error
from schema.operations.store import Operation
from domain.kernel.errors import ParkingError
from tenants.environments import Environment

HEARTBEAT_S = 12.0
SILENCE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    *NOT_STORED[1:],
)

Asgi = tuple[Scope, Receive, Send]


async def serve(endpoint: Endpoint, asked: Asking, parameters: Parameters, asgi: Asgi) -> None:
    """Answer a request by a stream: a live one for a subscription, else one result. Refusals are results, too."""
    _scope, _receive, send = asgi
    try:
        operation = prepare(endpoint, parameters)
        if operation.kind is OperationType.SUBSCRIPTION:
            await _watch(endpoint, asked, operation, parameters, asgi)
            return
        if _scope["method"] == "GET" and operation.kind is OperationType.MUTATION:
            await refuse(_scope, send, 405, Code.METHOD_NOT_ALLOWED, "A mutation needs POST.", ((b"allow", b"POST"),))
            return
        result, _cookies = await answer(endpoint, asked, operation, parameters.variables)
        await _once(send, result.to_json())
    except Refused as error:
        await _once(send, to_body(error.errors))


async def _once(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    await send({"type": "http.response.body", "body": _next(body) + COMPLETE})


async def _watch(
    endpoint: Endpoint, asked: Asking, operation: Operation, parameters: Parameters, asgi: Asgi
) -> None:
    """Open a live stream and keep it until either side ends it. Raises Refused before anything is sent."""
    scope, receive, send = asgi
    environment = asked.environment
    if environment is None:
        raise Refused(_nothing_live())
    hub = endpoint.hub
    try:
        hub.check_room(environment.id, asked.facts.address)
    except Refused as error:
        await refuse(scope, send, 503, Code(error.code), str(error), ((b"retry-after", b"5"),))
        return
    actor = await _identified(endpoint, asked, environment, operation)
    wanted = view(endpoint.api, environment, operation, parameters.variables, actor)
    viewer = StreamViewer(hub, environment.id, asked.facts.address, send)
    hub.enter(viewer)
    try:
        hub.join(viewer, wanted, "", known_tag=header(scope, b"last-event-id"))
    except Refused:
        hub.leave(viewer, "refused")
        raise
    await viewer.last(receive)


async def _identified(endpoint: Endpoint, asked: Asking, environment: Environment, operation: Operation):
    try:
        return await endpoint.identify(environment, asked.facts.cookie_header)
    except ParkingError as error:
        raise Refused(expected_error(error)) from error
    except Exception as error:  # noqa: BLE001 - a database that is away must not look like a bad request
        raise Refused(internal_error(error, operation.label)) from error


class StreamViewer(Viewer):
    """A viewer by server-sent events: one stream, one feed."""

    silence_s = HEARTBEAT_S
