"""The pages in a real browser: they move, they find back, they let people in, and the browser has nothing to complain."""

from collections.abc import AsyncIterator

import pytest
from dramatiq.brokers.redis import RedisBroker

from domain.settings.models import Vendor
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.pins import Campus
from tests.fixtures.sites import Sites
from tests.gateway.pages.browser import CHROMIUM, Tab, browsing
from tests.gateway.pages.conftest import ADMIN

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")

LIVE = "document.querySelector('#stream')?.dataset.state === 'live'"
FORM = "document.querySelector('#log-in fieldset:enabled')"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    """One browser for this file."""
    async with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
async def tab(sites: Sites, browser: Tab) -> AsyncIterator[Tab]:
    """The browser, which leaves the site before that ends; each test has a tenant and so cookies of its own."""
    yield browser
    await browser.open("about:blank")
    browser.complaints.clear()


async def test_the_map_moves_without_being_loaded_again(
    tab: Tab, sites: Sites, tenant: Environment, live_campus: Campus
) -> None:
    await live_campus.enable(Vendor.MISTALL)
    group = await live_campus.group("North Garage", mistall_lot_id=await live_campus.mistall(occupied=40))
    await live_campus.lot("North A", lot_group_id=group, temporary_maximum=2)
    await tab.open(sites.address(tenant))
    await tab.until(LIVE)
    await tab.evaluate("window.isTheSamePage = true")
    assert await _text(tab, ".pin .percent") == "40%"

    live_campus.parking.clock.advance(seconds=30)
    await live_campus.mistall(occupied=97)

    await tab.until("document.querySelector('.pin .percent').textContent === '97%'")
    assert await _text(tab, ".place .full") == "97 % full"
    assert "97 % full" in await tab.evaluate("document.querySelector('.pin').getAttribute('aria-label')")
    assert await tab.evaluate("document.querySelector('.ring').getAttribute('stroke-dasharray')") == "97 100"
    assert await tab.evaluate("window.isTheSamePage") is True
    assert tab.complaints == []


async def test_a_new_place_appears_while_somebody_looks(
    tab: Tab, sites: Sites, tenant: Environment, live_campus: Campus
) -> None:
    await live_campus.group("Core")
    await tab.open(sites.address(tenant))
    await tab.until(LIVE)

    await live_campus.group("Arts Centre")

    await tab.until(
        "document.querySelectorAll('.place').length === 2 && document.querySelectorAll('.pin').length === 2"
    )
    assert await tab.evaluate("document.querySelectorAll('h1').length") == 1


async def test_the_page_finds_back_after_the_gateway_restarted(
    tab: Tab, sites: Sites, tenant: Environment, live_campus: Campus
) -> None:
    await live_campus.group("Core")
    await tab.open(sites.address(tenant))
    await tab.until(LIVE)

    await sites.send_away()
    await tab.until("document.querySelector('#stream').dataset.state === 'waiting'")
    assert await _text(tab, "#stream") == "reconnecting …"
    await sites.start()

    await tab.until(LIVE)


async def test_somebody_logs_in_and_out(tab: Tab, sites: Sites, tenant: Environment, platform: Platform) -> None:
    password = await create_administrator(platform, tenant, ADMIN)
    await tab.open(sites.address(tenant))
    await tab.until(FORM)

    await tab.log_in(ADMIN, "a wrong one")
    await tab.until("!document.querySelector('.login .problem[role=alert]').hidden")
    assert await _text(tab, ".login .problem[role=alert]") == "The user name or the password is wrong."

    await tab.log_in(ADMIN, password)
    await tab.until(
        "document.querySelector('.who')?.textContent === 'ann' && document.querySelector('#log-out:enabled')"
    )
    assert await tab.evaluate("document.cookie") == ""
    assert "password" not in await tab.evaluate("location.href")

    await tab.evaluate("document.querySelector('#log-out').click()")
    await tab.until(FORM)
    assert tab.complaints == []


async def test_run_shows_the_log_of_the_run_and_its_result_in_the_list(  # noqa: PLR0917 - fixtures
    tab: Tab, sites: Sites, tenant: Environment, platform: Platform, desk: Desk, broker: RedisBroker
) -> None:
    await desk.furnish(tenant)
    password = await create_administrator(platform, tenant, ADMIN)
    await tab.open(sites.address(tenant, "/admin"))
    await tab.until(FORM)
    await tab.log_in(ADMIN, password)
    await tab.until("document.querySelector('[data-run=expire_permits]:enabled')")

    async with desk.dispatching(broker), desk.working():
        await tab.evaluate("document.querySelector('[data-run=expire_permits]').click()")
        await tab.until("document.querySelector('#run [data-slot=state]').textContent === 'done'")

    assert await _text(tab, "#run-title") == "Expire Permits"
    await tab.until("document.querySelector('#tasks .state.succeeded')?.textContent === 'done'")
    await tab.until("document.querySelector('[data-log]:enabled')")
    assert tab.complaints == []


@pytest.mark.parametrize("width", [320, 1440])
async def test_nothing_is_wider_than_the_window(
    tab: Tab, sites: Sites, tenant: Environment, live_campus: Campus, width: int
) -> None:
    group = await live_campus.group("A Group with an Exceptionally Long Name of Many Words")
    await live_campus.lot("Donaudampfschifffahrtsgesellschaftsparkplatz", lot_group_id=group, temporary_maximum=2)

    await tab.open(sites.address(tenant), width=width, height=800)
    await tab.until(LIVE)

    assert await tab.evaluate("document.documentElement.scrollWidth") <= width


async def _text(tab: Tab, selector: str) -> str:
    return str(await tab.evaluate(f"document.querySelector('{selector}').textContent.trim()"))
