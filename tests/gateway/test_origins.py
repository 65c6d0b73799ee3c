"""Who may ask from another site: listed ones what guests may, and nobody with a login."""

from dataclasses import replace

import pytest

from gateway.live.caps import Caps
from tenants.embedding import Embedding
from tests.gateway.asking import JSON, LIVE, FakeSocket, ask, connected, query, scope_of
from tests.gateway.test_sse import streaming
from tests.gateway.toy import HOST, MakeToy, Toy, actor_with

LISTED = "https://www.university.example"
ALLOWED = "access-control-allow-origin"
ME = "{ me }"


@pytest.fixture
def listed(toy: Toy) -> Toy:
    toy.sites.put(replace(toy.environment, embedding=Embedding(frozenset({LISTED}))))
    toy.world.actors["ann"] = actor_with()
    return toy


async def test_a_page_of_a_listed_site_may_read_what_guests_may(listed: Toy) -> None:
    response = await query(listed.app, "{ hello }", {"origin": LISTED})

    assert response.json() == {"data": {"hello": "hello world"}}
    assert response.header(ALLOWED) == LISTED
    assert response.header("access-control-allow-credentials") is None
    assert "origin" in (response.header("vary") or "")


async def test_a_refusal_is_readable_for_a_listed_site_too(listed: Toy) -> None:
    response = await ask(listed.app, b"{", [*JSON.items(), ("origin", LISTED)])

    assert (response.status, response.header(ALLOWED)) == (400, LISTED)


async def test_a_listed_site_may_not_use_a_login_over_http(listed: Toy) -> None:
    response = await query(listed.app, ME, {"origin": LISTED, "cookie": "toy=ann"})

    assert (response.status, response.codes) == (403, ["FOREIGN_ORIGIN"])


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", LISTED.upper(), LISTED + ".", LISTED + ":8443", LISTED.replace("s:", ":")],
)
async def test_what_is_not_listed_to_the_letter_is_not_listed(listed: Toy, origin: str) -> None:
    response = await query(listed.app, "{ hello }", {"origin": origin})
    preflight = await ask(listed.app, headers={"origin": origin}, method="OPTIONS")
    socket = FakeSocket()
    await listed.app(scope_of("websocket", headers={"origin": origin}), socket.receive, socket.send)

    assert response.header(ALLOWED) is None
    assert (preflight.status, preflight.header(ALLOWED)) == (405, None)
    assert socket.outgoing[0]["status"] == 403


async def test_a_browser_may_ask_before_it_posts_from_a_listed_site(listed: Toy) -> None:
    response = await ask(
        listed.app, headers={"origin": LISTED, "access-control-request-method": "POST"}, method="OPTIONS"
    )

    assert (response.status, response.header(ALLOWED), response.body) == (204, LISTED, b"")
    assert response.header("access-control-allow-methods") == "GET, POST"
    assert "content-type" in (response.header("access-control-allow-headers") or "")


async def test_a_socket_from_a_listed_site_is_a_guest_whatever_its_browser_sends(listed: Toy) -> None:
    async with connected(listed.app, {"origin": LISTED, "cookie": "toy=ann"}) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)
        peer.subscribe("b", ME)
        said = await peer.until(4)

    assert peer.states("a") == [{"data": {"state": {"count": 0}}}]
    assert said[2]["payload"]["errors"][0]["extensions"]["code"] == "login_required"


async def test_a_stream_may_be_read_from_a_listed_site(listed: Toy) -> None:
    async with streaming(listed, LIVE, origin=LISTED) as stream:
        await stream.until(1)

        assert stream.headers[ALLOWED] == LISTED


async def test_a_change_of_the_list_holds_at_once(listed: Toy) -> None:
    listed.sites.put(replace(listed.environment, embedding=Embedding()))

    assert (await query(listed.app, "{ hello }", {"origin": LISTED})).header(ALLOWED) is None


@pytest.mark.parametrize(("networks", "statuses"), [((), [503]), (("198.51.100.0/24",), [])])
async def test_viewers_of_exempt_networks_are_not_counted_by_address(
    make_toy: MakeToy, networks: tuple[str, ...], statuses: list[int]
) -> None:
    toy = make_toy(caps=Caps(viewers_per_address=1))
    toy.sites.put(replace(toy.environment, embedding=Embedding(networks=networks)))
    async with connected(toy.app, {"origin": f"http://{HOST}"}):
        second = FakeSocket()
        second.hang_up()
        await toy.app(scope_of("websocket"), second.receive, second.send)

    assert [m["status"] for m in second.outgoing if "status" in m] == statuses
