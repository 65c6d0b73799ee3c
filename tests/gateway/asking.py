"""Asking an ASGI app without a server: one HTTP request, or a socket that is played by the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.asgi import ASGIApp, Message
from tests.gateway.toy import HOST, Toy
from tests.patience import comes_about, patience

Headers = Mapping[str, str] | Sequence[tuple[str, str]]
JSON = {"content-type": "application/json"}
LIVE = "subscription { state { count } }"


@dataclass
class Response:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 - JSON is of any shape
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of the errors in the body."""
        return [error["extensions"]["code"] for error in self.json().get("errors", [])]

    def header(self, name: str) -> str | None:
        """A header."""
        return next((value for key, value in self.headers if key == name), None)


def scope_of(
    kind: str,
    path: str = "/graphql",
    headers: Headers = (),
    *,
    query: str = "",
    method: str = "POST",
    client: str = "198.51.100.1",
) -> dict[str, Any]:
    """A scope as uvicorn makes it. A Host header is added unless there is one."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if not any(key == "host" for key, _ in pairs):
        pairs.append(("host", HOST))
    return {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode("latin-1")) for key, value in pairs],
        "client": (client, 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http" if kind == "http" else "ws",
        "subprotocols": ["graphql-transport-ws"],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }


async def ask(
    app: ASGIApp,
    body: bytes | str | object = b"",
    headers: Headers = JSON,
    *,
    chunks: list[bytes] | None = None,
    **how: Any,  # noqa: ANN401 - passed on to scope_of
) -> Response:
    """One HTTP request. ``body`` is sent as it is if it is bytes or text, else as JSON."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    parts = chunks if chunks is not None else [raw]
    return await asked(app, scope_of("http", headers=headers, **how), parts)


async def asked(app: ASGIApp, scope: dict[str, Any], parts: list[bytes]) -> Response:
    """One HTTP request with any scope, its body in parts."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    response = Response()

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = [(k.decode(), v.decode("latin-1")) for k, v in message.get("headers", [])]
        else:
            response.body += message.get("body", b"")

    await app(scope, receive, send)
    return response


async def query(app: ASGIApp, text: str, headers: Headers = (), **variables: object) -> Response:
    """A GraphQL request over POST."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    return await ask(app, {"query": text, "variables": variables}, [*JSON.items(), *pairs])


class FakeSocket:
    """The client's end of a WebSocket. ``gate`` closed: the server's sends wait, as if the peer did not read."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: list[Message] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> Message:
        """What the server hears."""
        return await self.incoming.get()

    async def send(self, message: Message) -> None:
        """What the server says."""
        if not self.gate.is_set():
            await self.gate.wait()
        self.outgoing.append(message)
        self.arrived.set()
        if message["type"] == "websocket.close":
            self.incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    def say(self, **message: object) -> None:
        """Send a message."""
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def say_text(self, text: str) -> None:
        """Send any text."""
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def subscribe(self, name: str, text: str, **variables: object) -> None:
        """Start an operation."""
        self.say(id=name, type="subscribe", payload={"query": text, "variables": variables})

    def said(self) -> list[Any]:
        """All JSON messages of the server so far."""
        return [json.loads(m["text"]) for m in self.outgoing if m["type"] == "websocket.send"]

    async def until(self, count: int) -> list[Any]:
        """The server's messages once there are so many."""
        async with patience():
            while len(self.said()) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.said()

    async def accepted(self) -> None:
        """Wait for the upgrade, as every client must before it says something."""
        async with patience():
            while not self.outgoing:
                self.arrived.clear()
                await self.arrived.wait()

    async def closed(self) -> int:
        """The code the server closed with."""
        async with patience():
            while not any(m["type"] == "websocket.close" for m in self.outgoing):
                self.arrived.clear()
                await self.arrived.wait()
        return next(int(m["code"]) for m in self.outgoing if m["type"] == "websocket.close")

    def states(self, name: str) -> list[Any]:
        """The payloads of one operation."""
        return [m["payload"] for m in self.said() if m.get("id") == name and m["type"] == "next"]

    def hang_up(self) -> None:
        """Go away without a word."""
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})


@asynccontextmanager
async def connected(app: ASGIApp, headers: Headers = (), *, init: bool = True, **how: Any) -> AsyncIterator[FakeSocket]:  # noqa: ANN401 - as above
    """A socket to the app, acknowledged unless ``init`` is off; hung up at the end."""
    peer = FakeSocket()
    serving = asyncio.create_task(_serve(app, scope_of("websocket", headers=headers, **how), peer))
    if init:
        await peer.accepted()
        peer.say(type="connection_init")
        await peer.until(1)
    try:
        yield peer
    finally:
        peer.gate.set()
        peer.hang_up()
        async with patience():
            await serving


async def _serve(app: ASGIApp, scope: dict[str, Any], peer: FakeSocket) -> None:
    await app(scope, peer.receive, peer.send)


async def settled(seconds: float = 0.0) -> None:
    """Let everything that can run do so, and again after a while: also what was due only just before its end.

    For what must not happen. What must is waited for by ``comes_about``.
    """
    await _turned()
    if seconds:
        await asyncio.sleep(seconds)
        await _turned()


async def _turned() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def feeds_left(toy: Toy, count: int = 0) -> None:
    """Wait until no more than so many feeds are left: each ends a pause after its last viewer."""
    await comes_about(lambda: len(toy.hub.feeds) <= count)


async def watching(stack: AsyncExitStack, toy: Toy, viewers: int, text: str = LIVE, **how: object) -> list[FakeSocket]:
    """So many viewers who have the first state."""
    peers = [await stack.enter_async_context(connected(toy.app, **how)) for _ in range(viewers)]  # type: ignore[arg-type]
    for peer in peers:
        peer.subscribe("a", text)
    for peer in peers:
        await peer.until(2)
    return peers
