"""Whatever stands where a request says which host it means, it is answered by that tenant or by nobody.

Nobody is a 404 or a 400 in always the same words. Never another tenant, and never a fault of ours.
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.asgi import to_body
from schema.operations.errors import Code, wire_error
from tests.gateway.asking import FakeSocket, Response, asked, scope_of
from tests.gateway.toy import served
from tests.isolation.conftest import Street
from tests.patience import patience

QUERY = json.dumps({"query": "{ environment { host } }"}).encode()
BOUNDED = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OPS = "ops.ops-com.localhost"
SPELLING = re.compile(r"\.?(:[0-9]{1,5})?\Z")
"""What may follow a name without changing it."""
MALFORMED = "A request names its host once, in one Host header."
NOBODYS = {
    (404, to_body([wire_error(Code.NOT_FOUND, "Not found.")])),
    (400, to_body([wire_error(Code.HOST_MALFORMED, MALFORMED)])),
    (400, b"Invalid HTTP request received."),
}
"""Unknown, malformed, and no HTTP at all."""
TAIL = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(QUERY)

Heads = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Fuzz:
    """A request: its target, and its headers."""

    target: bytes
    headers: Heads


@pytest.fixture(scope="module")
def names(street: Street) -> list[str]:
    """The hosts that there are."""
    return [OPS, *(one.environment.primary_host for one in (street.ann, street.preview, street.ben))]


ODD_ASCII = (
    "",
    " ",
    "\t",
    "\0",
    "_",
    "..",
    "/",
    "@",
    "#",
    "?",
    "%2e",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "127.0.0.1",
    "xn--",
    "-",
)
ODD_LABELS = ("a" * 64 + ".", "a." * 130)
ODD_LETTERS = ("é", "\u3002", "\uff0e", "\u200b", "ß", "i\u0307", "\u2024", "\u00ad")
ODD = st.sampled_from([*ODD_ASCII, *ODD_LABELS, *ODD_LETTERS])
PORT = st.sampled_from(["", ":80", ":8000", ":0", ":99999", ":", ":x", ":443:80", ": 80", ":8000000"])
OTHERS = st.sampled_from(
    [b"x-forwarded-host", b"forwarded", b"x-host", b"x-original-host", b"x-forwarded-server", b"x-real-host"]
)


def spoken(name: str, odd: str, place: int, *, case: int, dots: int, port: str) -> str:
    """A host name with a change of case, something odd somewhere, dots at its end, and a port."""
    cased = "".join(c.upper() if case >> (i % 16) & 1 else c for i, c in enumerate(name))
    at = place % (len(cased) + 1)
    return cased[:at] + odd + cased[at:] + "." * dots + port


@st.composite
def requests(draw: st.DrawFn, names: list[str]) -> Fuzz:
    """A request with any number of things said about its host."""
    known = st.sampled_from([*names, "nobody.ops-com.localhost", "ops-com.localhost", "preview.ops-com.localhost"])
    case = st.integers(0, 2**16)
    odd = st.builds(spoken, known, ODD, st.integers(0, 60), case=case, dots=st.integers(0, 2), port=PORT)
    plain = st.builds(spoken, known, st.just(""), st.just(0), case=case, dots=st.integers(0, 1), port=PORT)

    def host() -> bytes:
        return draw(odd | plain | plain).encode()

    headers = [(b"host", host()) for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2])))]
    headers += [(draw(OTHERS), host()) for _ in range(draw(st.integers(0, 2)))]
    target = draw(st.sampled_from([b"/graphql", b"/graphql", b"absolute", b"absolute", b"schemeless"]))
    if target == b"absolute":
        target = b"http://" + host() + b"/graphql"
    if target == b"schemeless":
        target = b"//" + host() + b"/graphql"
    return Fuzz(target, headers)


def meant(request: Fuzz, names: list[str]) -> tuple[set[str], bool]:
    """The hosts that may answer, and whether one must: a NUL in any header is no HTTP (RFC 9110, 5.5)."""
    said = [value.strip(b" \t") for name, value in request.headers if name == b"host"]
    if len(said) != 1 or request.target not in {b"/graphql", b"http://" + said[0] + b"/graphql"}:
        return set(), False
    text = said[0].decode()
    if text.isascii():
        found = SPELLING.sub("", text.lower())
        must = request.target == b"/graphql" and not any(b"\0" in value for _, value in request.headers)
        return ({found}, must) if found in names else (set(), False)
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = SPELLING.sub("", folded.replace("\u3002", ".").replace("\u00ad", "").replace("\u200b", ""))
    return {found} & set(names), False


def check(answered: Response, request: Fuzz, names: list[str]) -> None:
    """It is the site that is meant, or nobody."""
    may, must = meant(request, names)
    site = _site(answered)
    assert site in may if site else not must, (request, answered)
    if not site:
        assert (answered.status, answered.body) in NOBODYS, (request, answered)


def _site(answered: Response) -> str:
    """The host of the site that answered; empty if nobody did."""
    if answered.status != 200:
        return ""
    said = answered.json()
    return OPS if said.get("data") is None else str(said["data"]["environment"]["host"])


async def _over_port(port: int, request: Fuzz) -> Response:
    """The request as bytes on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"".join(name + b": " + value + b"\r\n" for name, value in request.headers)
    writer.write(b"POST " + request.target + b" HTTP/1.1\r\n" + head + TAIL + QUERY)
    async with patience():
        start = (await reader.readline()).split(b" ")
        size = 0
        while (line := await reader.readline()).strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        body = await (reader.readexactly(size) if size else reader.read())
    writer.close()
    return Response(int(start[1]), [], body)


@pytest.fixture(scope="module")
async def port(street: Street) -> AsyncIterator[int]:
    """The gateway behind a real port."""
    async with served(street.gateway.app) as port:
        yield port


@BOUNDED
@given(data=st.data())
async def test_no_host_leads_to_another_tenant(street: Street, names: list[str], data: st.DataObject) -> None:
    request = data.draw(requests(names))
    for _ in range(2):  # the second time the answer may be one that is kept
        scope = scope_of("http") | {"headers": [(b"content-type", b"application/json"), *_served(request)]}
        check(await asked(street.gateway.app, scope, [QUERY]), Fuzz(b"/graphql", request.headers), names)


@BOUNDED
@given(data=st.data())
async def test_no_bytes_on_the_wire_lead_to_another_tenant(
    port: int, street: Street, names: list[str], data: st.DataObject
) -> None:
    request = data.draw(requests(names))

    check(await _over_port(port, request), request, names)


@BOUNDED
@given(data=st.data())
async def test_no_host_opens_a_socket_to_another_tenant(street: Street, names: list[str], data: st.DataObject) -> None:
    request = data.draw(requests(names))
    request = Fuzz(b"/graphql", request.headers)
    may, must = meant(request, names)
    scope, peer = scope_of("websocket") | {"headers": _served(request)}, FakeSocket()
    serving = asyncio.create_task(_serve(street, scope, peer))
    await peer.accepted()
    if peer.outgoing[0]["type"] == "websocket.accept":
        peer.say(type="connection_init")
        peer.subscribe("1", "{ environment { host } }")
        said = (await peer.until(2))[1]
        assert (OPS if said["type"] == "error" else said["payload"]["data"]["environment"]["host"]) in may, request
    else:
        assert not must, request
        assert (peer.outgoing[0]["status"], peer.outgoing[1]["body"]) in NOBODYS, request
    peer.hang_up()
    await serving


def _served(request: Fuzz) -> Heads:
    """The headers as a server of HTTP gives them on: what stands around a value is no part of it."""
    return [(name, value.strip(b" \t")) for name, value in request.headers]


async def _serve(street: Street, scope: dict[str, object], peer: FakeSocket) -> None:
    await street.gateway.app(scope, peer.receive, peer.send)
