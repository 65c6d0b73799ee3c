"""GraphQL over server-sent events: distinct connections (graphql-sse), one operation a stream, on the API's own address.

The events of a live state are the same bytes for all viewers; the ``id`` of one is the hash of its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from graphql import OperationType
from typing_extensions import override

from gateway.asgi import NOT_STORED, Header, Message, Receive, Send, header, refuse, retry_after, to_body
from gateway.chunks import Chunks, chunks_of
from gateway.endpoint import Prepared, answer, observed, prepare
from gateway.exchange import Exchange
from gateway.live.hub import Hub
from gateway.live.outlet import AsgiOutlet, DirectOutlet
from gateway.live.payload import Payload
from gateway.live.viewer import Viewer, Watch
from gateway.live.views import View, view
from gateway.parameters import Parameters
from schema.operations.errors import Code, Refused, WireError, refused

HEARTBEAT_S = 12.0
SILENCE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    *NOT_STORED[1:],
)


NO_ROOM = {Code.TOO_MANY_VIEWERS.value, Code.RESTARTING.value}
USED_UP = {Code.COST_SPENT.value, Code.TOO_MANY_AT_ONCE.value}


async def serve_events(exchange: Exchange, parameters: Parameters, known: Prepared | None = None) -> None:
    """Answer a request by a stream: a live one for a subscription, else one result. ``known`` was prepared already.

    Refusals are results too, but for want of room: that is a 503, or a 429 where the site used up its share.
    """
    scope, send = exchange.scope, exchange.send
    try:
        prepared = known or await prepare(exchange.endpoint, exchange.asked, parameters)
        operation = prepared.operation
        if operation.kind is OperationType.SUBSCRIPTION:
            await _watch(exchange, prepared, parameters)
        elif operation.kind is OperationType.MUTATION and scope["method"] == "GET":
            await refuse(
                scope, send, 405, Code.METHOD_NOT_ALLOWED, "A mutation needs POST.", extra=((b"allow", b"POST"),)
            )
        else:
            answered = await answer(exchange.endpoint, exchange.asked, prepared, parameters.variables)
            await _start(send)
            await send({"type": "http.response.body", "body": _event(answered.result.to_json()) + COMPLETE})
    except Refused as error:
        if error.code in NO_ROOM:
            await refuse(scope, send, 503, Code(error.code), str(error), extra=((b"retry-after", b"5"),))
        elif error.code in USED_UP:
            await refuse(scope, send, 429, Code(error.code), str(error), extra=retry_after(error))
        else:
            await _start(send)
            await send(_end(error.errors))


async def _watch(exchange: Exchange, prepared: Prepared, parameters: Parameters) -> None:
    """Open a live stream and keep it until either side ends it. Raises Refused before anything was sent."""
    endpoint, asked, scope, send = exchange.endpoint, exchange.asked, exchange.scope, exchange.send
    hub, address = endpoint.hub, asked.counted_address
    environment = prepared.environment
    if environment is None:
        raise refused(Code.BAD_REQUEST, "There is nothing live here.")
    wanted = view(endpoint.api, environment, prepared.operation, parameters.variables, prepared.actor)
    await hub.wait_for_room(environment.id, address, partial(_gone, exchange.receive))
    endpoint.observe(observed(endpoint, asked, prepared))
    await _start(send)
    viewer = StreamViewer(hub, environment.id, address, send, chunks_of(scope))
    try:
        hub.enter(viewer)
    except Refused:  # the peer was slow to take the head; it comes back, as after a restart
        await send(viewer.farewell(0, "no room"))
        return
    try:
        await viewer.stay(_listen(hub, viewer, wanted, header(scope, b"last-event-id"), exchange.receive))
    finally:
        hub.leave(viewer, "gone")


async def _listen(hub: Hub, viewer: StreamViewer, wanted: View, known_tag: str | None, receive: Receive) -> None:
    try:
        hub.join(viewer, wanted, "", known_tag=known_tag)
    except Refused as error:
        viewer.finish(error.errors)
        return
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})


def _event(body: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % body


def _end(errors: Sequence[WireError]) -> Message:
    return {"type": "http.response.body", "body": _event(to_body(errors)) + COMPLETE}


class StreamViewer(Viewer):
    """A viewer by server-sent events: one stream, one feed."""

    silence_s = HEARTBEAT_S
    transport = "sse"

    def __init__(self, hub: Hub, environment_id: UUID, address: str, send: Send, chunks: Chunks | None = None) -> None:
        super().__init__(environment_id, address, hub.counters)
        self._hub = hub
        self._chunks = chunks
        by_asgi = AsgiOutlet(send, when_clear=self.caught_up, when_lost=self._lost)
        self.outlet = by_asgi if chunks is None else DirectOutlet(by_asgi, chunks, when_clear=self.caught_up)

    @override
    def write_state(self, watch: Watch, payload: Payload) -> None:
        if self._chunks is None:
            super().write_state(watch, payload)
        else:
            self._chunks.write_chunk(payload.chunk)

    @override
    def state_message(self, watch: Watch, payload: Payload) -> Message:
        return {"type": "http.response.body", "body": payload.event, "more_body": True}

    @override
    def heartbeat(self) -> Message:
        return {"type": "http.response.body", "body": SILENCE, "more_body": True}

    @override
    def farewell(self, code: int, reason: str) -> Message:
        """Streams have no codes: the client sees an end without ``complete`` and comes back."""
        return {"type": "http.response.body", "body": b""}

    @override
    def refuse(self, watch: Watch, errors: Sequence[WireError]) -> None:
        self._hub.leave(self, "refused")
        self.finish(errors)

    def finish(self, errors: Sequence[WireError]) -> None:
        """End the stream with errors."""
        self.end_with(_end(errors))

    def _lost(self) -> None:
        self._hub.dismiss(self, 0, "lost")
