"""``graphql-transport-ws`` on plain ASGI: the handshake, and the conversation after it. Nothing older is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from graphql import OperationType

from gateway.asgi import Message, Receive, Scope, Send, refuse
from gateway.endpoint import Asking, Endpoint, Prepared, answer, asking, observed, prepare
from gateway.frames import frames_of
from gateway.hosts import located
from gateway.live.hub import NOWHERE, SERVICE_RESTART, TRY_AGAIN_LATER
from gateway.live.views import view
from gateway.origins import Verdict, judge
from gateway.parameters import Parameters, from_object
from gateway.socket import SocketViewer, to_text
from schema.context import Transport
from schema.operations.errors import Code, Refused, refused

PROTOCOL = "graphql-transport-ws"
MAX_MESSAGE = 64 << 10
MAX_ID = 128

TOO_BIG, INVALID, UNAUTHORIZED = 1009, 4400, 4401
BAD_PROTOCOL, INIT_TIMEOUT, DUPLICATE, TOO_MANY_INITS = 4406, 4408, 4409, 4429


class ProtocolBroken(Exception):
    """The peer broke the protocol: the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def serve_websocket(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one WebSocket from the handshake to its end. It is refused before the upgrade where it can be."""
    await receive()
    verdict = judge(scope, located(scope).environment, endpoint.own_origins)
    asked = asking(scope, endpoint, Transport.SOCKET, as_guest=verdict is Verdict.LISTED)
    if verdict not in {Verdict.OWN, Verdict.LISTED}:
        await refuse(scope, send, 403, Code.FOREIGN_ORIGIN, "Another site may not open a socket here.")
        return
    if PROTOCOL not in scope["subprotocols"]:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": BAD_PROTOCOL, "reason": "Subprotocol not acceptable"})
        return
    environment_id = asked.environment.id if asked.environment else NOWHERE
    try:
        await endpoint.hub.wait_for_room(environment_id, asked.counted_address, partial(_gone, receive))
    except Refused as error:
        await refuse(scope, send, 503, Code(error.code), str(error), extra=((b"retry-after", b"5"),))
        return
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
    await _converse(
        Conversation(
            endpoint, asked, SocketViewer(endpoint.hub, environment_id, asked.counted_address, send, frames_of(scope))
        ),
        receive,
    )


async def _gone(receive: Receive) -> None:
    """Before the upgrade nothing comes from a peer but its end (RFC 6455, 4.1: it must wait for the answer)."""
    await receive()


async def _converse(conversation: Conversation, receive: Receive) -> None:
    viewer, hub = conversation.viewer, conversation.hub
    try:
        hub.enter(viewer)
    except Refused as error:  # others came in, or a drain began, while the upgrade was on its way
        code = SERVICE_RESTART if error.code == Code.RESTARTING else TRY_AGAIN_LATER
        viewer.close(code, error.code)
        return
    reason = "gone"
    try:
        await viewer.stay(conversation.run(receive))
    except ProtocolBroken as broken:
        reason = f"protocol {broken.code}"
        hub.leave(viewer, reason)
        viewer.close(broken.code, broken.reason)
    except OSError:  # what servers raise when the peer is gone in the middle of a send
        reason = "lost"
    finally:
        conversation.end()
        hub.leave(viewer, reason)


class Conversation:
    """One socket after its upgrade: who may say what when, and the operations that run on it."""

    def __init__(self, endpoint: Endpoint, asked: Asking, viewer: SocketViewer) -> None:
        self.hub = endpoint.hub
        self.viewer = viewer
        self._endpoint = endpoint
        self._asked = asked
        self._is_open = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._silenced: set[asyncio.Task[None]] = set()

    async def run(self, receive: Receive) -> None:
        """Listen until the peer is gone. Raises ProtocolBroken."""
        try:
            async with asyncio.timeout(self.hub.caps.silence_s):
                while not self._is_open:
                    if not await self._hear(await receive()):
                        return
        except TimeoutError as error:
            raise ProtocolBroken(INIT_TIMEOUT, "Connection initialisation timeout") from error
        while await self._hear(await receive()):
            pass

    def end(self) -> None:
        """Stop what runs: nobody waits for it any more. Mutations come to their end, they may have begun to write."""
        for name in list(self._running):
            self._stop(name)

    async def _hear(self, message: Message) -> bool:
        """Handle one ASGI message; False when the peer is gone, or was sent away."""
        if message["type"] == "websocket.disconnect":
            return False
        said = _parse(message)
        match said.get("type"):
            case "connection_init":
                await self._initialise(said)
            case "ping":
                payload = _payload(said)
                await self.viewer.tell({"type": "pong", **({"payload": payload} if payload else {})})
            case "pong":
                _payload(said)
            case "subscribe":
                await self._subscribe(said)
            case "complete":
                self._complete(_id(said))
            case _:
                raise ProtocolBroken(INVALID, "Invalid message received")
        return not self.viewer.has_ended

    async def _initialise(self, said: Mapping[str, Any]) -> None:
        _payload(said)
        if self._is_open:
            raise ProtocolBroken(TOO_MANY_INITS, "Too many initialisation requests")
        self._is_open = True
        await self.viewer.tell({"type": "connection_ack"})

    async def _subscribe(self, said: Mapping[str, Any]) -> None:
        if not self._is_open:
            raise ProtocolBroken(UNAUTHORIZED, "Unauthorized")
        name, parameters = _id(said), _parameters(said)
        if name in self.viewer.watches or name in self._running:
            raise ProtocolBroken(DUPLICATE, "Subscriber for this id already exists")
        try:
            self._check_count()
            asked = self._asked_now()
            prepared = await prepare(self._endpoint, asked, parameters)
            if prepared.operation.kind is OperationType.SUBSCRIPTION:
                self._join(name, asked, prepared, parameters)
            else:
                self._start(name, asked, prepared, parameters)
        except Refused as error:
            if self.viewer.has_ended:  # the environment turned out to be closed
                return
            await self.viewer.tell({"id": name, "type": "error", "payload": error.errors})

    def _check_count(self) -> None:
        count = len(self.viewer.watches) + len(self._running) + len(self._silenced)
        if count >= self.hub.caps.operations:
            raise refused(Code.TOO_MANY_OPERATIONS, f"A socket has at most {self.hub.caps.operations} operations.")

    def _join(self, name: str, asked: Asking, prepared: Prepared, parameters: Parameters) -> None:
        if prepared.environment is None:
            raise refused(Code.BAD_REQUEST, "There is nothing live here.")
        wanted = view(
            self._endpoint.api, prepared.environment, prepared.operation, parameters.variables, prepared.actor
        )
        self.hub.join(self.viewer, wanted, name, prefix=f'{{"id":{to_text(name)},"type":"next","payload":'.encode())
        self._endpoint.observe(observed(self._endpoint, asked, prepared))

    def _asked_now(self) -> Asking:
        """The handshake's asking in the environment as it is now: it may have moved since."""
        if self._asked.environment is None:
            return self._asked
        return replace(self._asked, environment=self.hub.current(self._asked.environment))

    def _start(self, name: str, asked: Asking, prepared: Prepared, parameters: Parameters) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(name, asked, prepared, parameters))
        task.set_name(prepared.operation.kind.value)
        self._running[name] = task

    async def _answer(self, name: str, asked: Asking, prepared: Prepared, parameters: Parameters) -> None:
        """Run a query or mutation and tell its result, unless the peer completed it meanwhile."""
        task = asyncio.current_task()
        try:
            answered = await answer(self._endpoint, asked, prepared, parameters.variables)
            if self._running.get(name) is task:
                text = f'{{"id":{to_text(name)},"type":"next","payload":{answered.result.to_json().decode()}}}'
                await self.viewer.tell_text(text)
                await self.viewer.tell({"id": name, "type": "complete"})
        except Refused as error:
            await self.viewer.tell({"id": name, "type": "error", "payload": error.errors})
        except OSError:
            pass  # the peer is gone
        finally:
            if self._running.get(name) is task:
                del self._running[name]
            self._silenced.discard(task)

    def _complete(self, name: str) -> None:
        watch = self.viewer.watches.get(name)
        if watch is not None:
            self.hub.part(watch)
        self._stop(name)

    def _stop(self, name: str) -> None:
        task = self._running.pop(name, None)
        if task is None:
            return
        if task.get_name() == OperationType.MUTATION.value:
            self._silenced.add(task)
        else:
            task.cancel()


def _parse(message: Message) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise ProtocolBroken(INVALID, "Invalid message received")
    if len(text) > MAX_MESSAGE:
        raise ProtocolBroken(TOO_BIG, "Message too big")
    try:
        said = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise ProtocolBroken(INVALID, "Invalid message received") from error
    if not isinstance(said, dict):
        raise ProtocolBroken(INVALID, "Invalid message received")
    return said


def _id(said: Mapping[str, Any]) -> str:
    name = said.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
        raise ProtocolBroken(INVALID, "Invalid message received")
    return name


def _payload(said: Mapping[str, Any]) -> dict[str, Any] | None:
    payload = said.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise ProtocolBroken(INVALID, "Invalid message received")
    return payload


def _parameters(said: Mapping[str, Any]) -> Parameters:
    try:
        return from_object(said.get("payload"))
    except Refused as error:
        raise ProtocolBroken(INVALID, f"Invalid message received: {error}") from error
