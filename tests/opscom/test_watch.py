"""`opscom watch`: what the terminal shows of a map, and that it comes back by itself."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from gateway.pages.documents import PORTAL_OCCUPANCY
from opscom.watch.screen import changes, screen
from opscom.watch.stream import PROTOCOL, Lost, Place, Seen, Site, WatchRefused, states
from schema.portal.api import build

GARAGE = Place("1", "North Garage", 44.1, -76.5, 41, "MISTALL", is_stale=False, observed_at="2026-11-23T12:00:00Z")
LOOP = Place("2", "Library Loop", 44.2, -76.6, None, "PERMITS", is_stale=False, observed_at=None)
FULL = Place("3", "West Lot", 44.3, -76.4, 100, "PARKING_LOGIX", is_stale=True, observed_at="2026-11-23T11:00:00Z")


def shown(width: int, before: dict[str, int | None]) -> str:
    """The screen as text."""
    console = Console(width=width, height=60, force_terminal=False)
    with console.capture() as capture:
        console.print(screen((GARAGE, LOOP, FULL), before, title=" tomahawku ", note="a note", size=console.size))
    return capture.get()


@pytest.mark.parametrize("width", [80, 160])
def test_the_screen_shows_every_place_on_the_drawing_and_in_the_list(width: int) -> None:
    text = shown(width, {"1": 40, "3": 100})

    for words in ("41 %", "100 %", "North Garage", "Library Loop", "West Lot"):
        assert text.count(words) == 2, words
    assert "▲ 41 %" in text
    assert "no news since" in text
    assert "a note" in text


def test_without_a_terminal_only_changes_are_told() -> None:
    assert changes((GARAGE, LOOP, FULL), {}) == ["North Garage: 41 %", "Library Loop: ?", "West Lot: 100 %"]
    assert changes((GARAGE, LOOP, FULL), {"1": 40, "2": None, "3": 100}) == ["North Garage: 41 % (was 40 %)"]
    assert changes((GARAGE, LOOP, FULL), {"1": 41, "2": None, "3": 100}) == []


def test_the_document_it_sends_fits_the_printed_schema() -> None:
    assert build().operations.prepare(PORTAL_OCCUPANCY).kind.value == "subscription"


@asynccontextmanager
async def site(answers: list[object], status: int | None = None) -> AsyncIterator[Site]:
    """A site of our own that sends the first answer to the first subscriber, and so on, and ends the connection."""
    hosts: list[str | None] = []

    async def talk(socket: ServerConnection) -> None:
        hosts.append(socket.request.headers.get("Host") if socket.request else None)
        assert json.loads(await socket.recv())["type"] == "connection_init"
        await socket.send('{"type": "connection_ack"}')
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "ping"}))
        assert json.loads(await socket.recv())["type"] == "pong"
        if answers:
            await socket.send(json.dumps({"id": asked["id"], "type": "next", "payload": answers.pop(0)}))

    def refuse(socket: ServerConnection, _request: Request) -> Response | None:
        return socket.respond(HTTPStatus(status), "no") if status else None

    async with serve(talk, "127.0.0.1", 0, subprotocols=[PROTOCOL], process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Site("tomahawku.ops-com.localhost", port)
    assert set(hosts) <= {f"tomahawku.ops-com.localhost:{port}"}


def state(percent: int) -> object:
    """What the API answers."""
    occupancy = {"percentFull": percent, "source": "MISTALL", "stale": False, "observedAt": "2026-11-23T12:00:00Z"}
    group = {"id": "g", "name": "North", "latitude": 1.0, "longitude": 2.0, "occupancy": occupancy, "lots": []}
    lot = {"id": "l", "name": "Loose", "latitude": 1.1, "longitude": 2.1, "availablePercent": 30}
    return {"data": {"occupancy": {"pins": [group, lot]}}}


async def test_it_follows_a_site_and_comes_back_after_a_loss() -> None:
    told: list[object] = []
    async with site([state(41), state(42)]) as there:
        async for each in states(there):
            told.append([place.percent for place in each.places] if isinstance(each, Seen) else type(each))
            if len(told) == 3:
                break

    assert told == [[41, 70], Lost, [42, 70]]


async def test_a_site_that_is_not_there_is_told_and_not_asked_again() -> None:
    async with site([], status=404) as there:
        with pytest.raises(WatchRefused, match="there is no site"):
            await anext(states(there))


async def test_a_refused_subscription_is_told() -> None:
    async with site([{"data": None, "errors": [{"message": "Too many views."}]}]) as there:
        with pytest.raises(WatchRefused, match=r"Too many views\."):
            await anext(states(there))


async def test_a_busy_site_is_asked_again() -> None:
    async with site([], status=503) as there:
        lost = await anext(states(there))

    assert isinstance(lost, Lost)
    assert "503" in lost.why
