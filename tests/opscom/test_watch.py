"""`opscom watch`: the live map in the terminal, over a real gateway."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from rich.console import Console, ConsoleDimensions

from domain.settings.models import Vendor
from opscom.platform import Platform
from opscom.watch.run import watch
from opscom.watch.screen import screen
from opscom.watch.stream import Lost, Place, Seen, Site, WatchRefused, states
from tenants.environments import Environment, State
from tenants.registry.actions import transition
from tests.fixtures.pins import Campus
from tests.fixtures.sites import Sites
from tests.patience import patience
from tests.ports import free_port

GARAGE = Place(
    id="1",
    name="North Garage",
    latitude=44.2,
    longitude=-76.5,
    percent=97,
    source="MISTALL",
    is_stale=False,
    observed_at="2026-05-04T12:00:00.000Z",
    lots=(("Level 1", 40), ("Level 2", 0)),
)


@pytest.fixture
async def place(live_campus: Campus) -> Campus:
    """A campus with one group that a sensor counts."""
    await live_campus.enable(Vendor.MISTALL)
    group = await live_campus.group("North Garage", mistall_lot_id=await live_campus.mistall(occupied=40))
    await live_campus.lot("Level 1", lot_group_id=group, temporary_maximum=2)
    return live_campus


async def test_once_prints_a_line_for_each_place(sites: Sites, tenant: Environment, place: Campus) -> None:
    written = io.StringIO()

    await watch(_site(sites, tenant), Console(file=written), once=True)

    ((name, percent, source, _seen, state),) = [line.split("\t") for line in written.getvalue().splitlines()]
    assert (name, percent, source, state) == ("North Garage", "40", "MISTALL", "fresh")


async def test_once_fails_where_nobody_answers() -> None:
    port = free_port()

    with pytest.raises(WatchRefused, match=f"nobody answers at 127.0.0.1:{port}"):
        await watch(Site("tomahawku.ops-com.localhost", port), Console(file=io.StringIO()), once=True)


@pytest.mark.parametrize("once", [True, False])
async def test_an_unknown_site_is_told_at_once(sites: Sites, *, once: bool) -> None:
    site = Site("nobody.ops-com.localhost", sites.port)

    with pytest.raises(WatchRefused, match=r"there is no site at nobody\.ops-com\.localhost"):
        await watch(site, Console(file=io.StringIO()), once=once)


async def test_a_suspended_site_says_so(sites: Sites, tenant: Environment, platform: Platform) -> None:
    async with platform.databases.control().begin() as connection:
        await transition(connection, tenant.id, State.SUSPENDED, actor="tests", reason="unpaid")
    await platform.registry.load()

    with pytest.raises(WatchRefused, match="503: This site is suspended"):
        await watch(_site(sites, tenant), Console(file=io.StringIO()), once=True)


async def test_changes_are_printed_as_they_come(sites: Sites, tenant: Environment, place: Campus) -> None:
    written = io.StringIO()
    watching = asyncio.create_task(watch(_site(sites, tenant), Console(file=written)))
    try:
        await _until_written(written, "North Garage: 40 %\n")

        place.parking.clock.advance(seconds=30)
        await place.mistall(occupied=97)

        await _until_written(written, "North Garage: 97 % (was 40 %)\n")
    finally:
        watching.cancel()


async def test_it_comes_back_by_itself_after_the_gateway_restarted(
    sites: Sites, tenant: Environment, place: Campus
) -> None:
    async with aclosing(states(_site(sites, tenant))) as found:
        assert isinstance(await _next(found), Seen)

        await sites.send_away()
        lost = await _next(found)
        await sites.start()

        assert isinstance(lost, Lost)
        assert lost.why == "the gateway restarts"
        assert isinstance(await _next(found), Seen)


def test_a_wide_terminal_shows_places_with_their_lots() -> None:
    shown = _shown([GARAGE], size=ConsoleDimensions(130, 40))

    assert "97 %" in shown
    assert "cameras, " in shown
    assert "40 % left" in shown
    assert "sold out" in shown


def test_a_low_terminal_leaves_the_lots_out_rather_than_places() -> None:
    shown = _shown([GARAGE], size=ConsoleDimensions(130, 4))

    assert "North Garage" in shown
    assert "Level 1" not in shown


def test_a_stale_place_says_since_when() -> None:
    stale = Place("1", "West Lot", 44.2, -76.5, 50, "MISTALL", is_stale=True, observed_at=GARAGE.observed_at)

    assert "no news since" in _shown([stale], size=ConsoleDimensions(130, 40))


def test_an_arrow_says_which_way_it_went() -> None:
    size = ConsoleDimensions(130, 40)

    assert "▲ 97 %" in _shown([GARAGE], before={"1": 96}, size=size)
    assert "▼ 97 %" in _shown([GARAGE], before={"1": 98}, size=size)


def test_no_place_at_all_is_a_map_too() -> None:
    assert "tomahawku" in _shown([], size=ConsoleDimensions(80, 24))


def _site(sites: Sites, tenant: Environment) -> Site:
    return Site(tenant.primary_host, sites.port)


def _shown(places: list[Place], *, size: ConsoleDimensions, before: dict[str, int | None] | None = None) -> str:
    console = Console(file=io.StringIO(), width=size.width, height=size.height)
    with console.capture() as capture:
        console.print(screen(places, before or {}, title=" tomahawku ", note="", size=size))
    return capture.get()


async def _next(found: AsyncIterator[Seen | Lost]) -> Seen | Lost:
    async with patience():
        return await anext(found)


async def _until_written(written: io.StringIO, line: str) -> None:
    async with patience():
        while line not in written.getvalue():  # noqa: ASYNC110 - it looks at what was printed
            await asyncio.sleep(0.02)
