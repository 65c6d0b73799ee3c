"""Which site a host name is, for HTTP and WebSocket alike."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.asgi import Message, Receive, Scope, Send
from gateway.hosts import HostRouter, located
from gateway.pages.app import suspended
from gateway.proxies import Proxies
from tests.gateway.asking import JSON, FakeSocket, ask, scope_of
from tests.gateway.toy import HOST, Sites, Toy, environment_at


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.", f"{HOST}:8000", f"{HOST}.:80"])
async def test_a_host_is_found_however_it_is_written(toy: Toy, host: str) -> None:
    response = await ask(toy.app, {"query": "{ hello }"}, {**JSON, "host": host})

    assert response.status == 200


@pytest.mark.parametrize(
    "host", ["", "a b", "127.0.0.1:x", "a/b", "user@" + HOST, "[::1]", "-a.example", "a..b", "a" * 300]
)
async def test_a_malformed_host_is_a_400(toy: Toy, host: str) -> None:
    response = await ask(toy.app, {"query": "{ hello }"}, {**JSON, "host": host})

    assert (response.status, response.codes) == (400, ["HOST_MALFORMED"])


async def test_two_host_headers_or_none_are_a_400(toy: Toy) -> None:
    two = await ask(toy.app, {"query": "{ hello }"}, [*JSON.items(), ("host", HOST), ("host", HOST)])

    scope = scope_of("http", headers=JSON)
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await toy.app(scope, FakeSocket().receive, send)

    assert two.codes == ["HOST_MALFORMED"]
    assert sent[0]["status"] == 400


async def test_all_unknown_hosts_answer_alike(toy: Toy) -> None:
    bodies = {
        (r := await ask(toy.app, {"query": "{ hello }"}, {**JSON, "host": host}, path=path)).body
        + str(r.status).encode()
        for host in ("nobody.ops-com.localhost", "example.org", "127.0.0.1", "evil-" + HOST, "ops-com.localhost")
        for path in ("/graphql", "/", "/admin")
    }

    assert len(bodies) == 1
    assert bodies.pop().endswith(b"404")


async def test_a_site_whose_tables_are_older_than_the_code_answers_503_until_it_is_migrated(toy: Toy) -> None:
    toy.sites.put(replace(toy.environment, head=""))

    behind = await ask(toy.app, {"query": "mutation { raiseCount }"}, JSON)
    toy.sites.put(toy.environment)
    migrated = await ask(toy.app, {"query": "mutation { raiseCount }"}, JSON)

    assert (behind.status, behind.codes) == (503, ["UPGRADING"])
    assert migrated.status == 200
    assert toy.world.count == 1


async def test_a_suspended_site_answers_503_and_runs_nothing(toy: Toy) -> None:
    headers = {**JSON, "host": "suspended.ops-com.localhost"}

    response = await ask(toy.app, {"query": "mutation { raiseCount }"}, headers)

    assert (response.status, response.codes) == (503, ["SUSPENDED"])
    assert toy.world.count == 0


MOVED = "toy.redirected.example"


def _moved(toy: Toy) -> None:
    hosts = toy.environment.hosts | {MOVED}
    toy.sites.put(replace(toy.environment, hosts=hosts, redirects=frozenset({MOVED})))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_page_of_a_host_that_leads_elsewhere_is_opened_there(toy: Toy, method: str) -> None:
    _moved(toy)

    response = await ask(toy.app, b"", {"host": MOVED}, method=method, path="/admin", query="a=1&b=%2F")

    assert (response.status, response.header("location")) == (308, f"https://{HOST}/admin?a=1&b=%2F")
    assert response.header("cache-control") == "no-store"


async def test_what_is_asked_at_a_host_that_leads_elsewhere_is_answered_there(toy: Toy) -> None:
    """Few clients of an API follow with a POST, and none with its login."""
    _moved(toy)
    peer = FakeSocket()

    posted = await ask(toy.app, {"query": "{ hello }"}, {**JSON, "host": MOVED})
    got = await ask(toy.app, b"", {"host": MOVED}, method="GET", query="query=%7B+hello+%7D")
    peer.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await toy.app(scope_of("websocket", headers={"host": MOVED}), peer.receive, peer.send)

    assert (posted.status, got.status) == (200, 200)
    assert peer.outgoing[0]["type"] == "websocket.accept"


@pytest.mark.parametrize(
    ("host", "status"), [("nobody.example", 404), ("a b", 400), ("suspended.ops-com.localhost", 503)]
)
async def test_a_socket_is_refused_before_its_upgrade(toy: Toy, host: str, status: int) -> None:
    peer = FakeSocket()

    await toy.app(scope_of("websocket", headers={"host": host}), peer.receive, peer.send)

    assert peer.outgoing[0]["type"] == "websocket.http.response.start"
    assert peer.outgoing[0]["status"] == status


async def _believed(trusted: list[str], headers: list[tuple[str, str]], client: str) -> tuple[str, str, str, int]:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope)
        await suspended(scope, _receive, send)

    router = HostRouter(
        Sites(environment_at(HOST)),
        "ops.example",
        Proxies([ip_network(network) for network in trusted]),
        tenants=app,
        ops=app,
        closed=app,
        site_of="https://{}".format,
    )
    response = await ask(router, b"", headers, client=client)
    if not seen:
        return "", "", "", response.status
    return located(seen[0]).host, seen[0]["client"][0], seen[0]["scheme"], response.status


FORWARDED = [
    ("host", "inside"),
    ("x-forwarded-host", HOST),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
]


async def test_a_configured_proxy_is_believed() -> None:
    assert await _believed(["10.0.0.0/8"], FORWARDED, "10.1.2.3") == (HOST, "203.0.113.9", "https", 503)


async def test_the_same_headers_from_anybody_else_mean_nothing() -> None:
    assert await _believed(["10.0.0.0/8"], FORWARDED, "203.0.113.77") == ("", "", "", 404)
    assert await _believed([], FORWARDED, "127.0.0.1") == ("", "", "", 404)


async def test_a_client_can_not_invent_its_address_behind_a_proxy() -> None:
    chain = [*FORWARDED[:2], ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.9.9.9")]

    assert (await _believed(["10.0.0.0/8"], chain, "10.1.2.3"))[1] == "203.0.113.9"


async def test_two_forwarded_hosts_are_a_400() -> None:
    assert (await _believed(["10.0.0.0/8"], [*FORWARDED, ("x-forwarded-host", HOST)], "10.1.2.3"))[3] == 400
