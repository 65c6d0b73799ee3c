"""The page of the site's names: the records to copy, what is wrong, and buttons for those who may press them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.app import create_app, running
from opscom.accounts import create_administrator
from tenants.domains import actions
from tenants.environments import Environment
from tenants.plans.actions import set_plan
from tests.fixtures.sites import Sites
from tests.fixtures.vanity import ANN, Domains
from tests.gateway.pages.browser import CHROMIUM, Tab, browsing
from tests.gateway.pages.conftest import ADMIN, LogIn, Visit

NAME = "parking.page.example"
SHOWN = "shown.page.example"


async def test_an_administrator_sees_the_records_to_copy_and_what_is_wrong(
    visit: Visit, log_in: LogIn, domains: Domains, tenant: Environment
) -> None:
    await set_plan(domains.databases, tenant.tenant.id, "complete", actor=ANN)
    claim = await actions.request(domains.databases, await domains.known(tenant), SHOWN, actor=ANN)
    await actions.check(domains.databases, domains.dns, tenant.id, SHOWN, actor=ANN)

    shown = await visit("/admin/domains", cookie=await log_in("/admin/graphql"))

    assert shown.status_code == 200
    assert f"<code>{tenant.primary_host}.</code>" in shown.text
    assert f"<code>{claim.token}</code>" in shown.text
    assert f"{SHOWN} leads nowhere. Expected: CNAME {tenant.primary_host}." in shown.text
    for change in ("checkOwnDomain", "activateOwnDomain", "releaseOwnDomain"):
        assert f'data-change="{change}" data-name="{SHOWN}"' in shown.text
    assert 'id="request"' in shown.text
    assert shown.headers["cache-control"] == "no-store"


async def test_without_the_plan_there_is_nothing_to_ask_for(visit: Visit, log_in: LogIn, tenant: Environment) -> None:
    shown = await visit("/admin/domains", cookie=await log_in("/admin/graphql"))

    assert "Your plan has no own domains." in shown.text
    assert 'id="request"' not in shown.text
    assert tenant.primary_host in shown.text


@pytest.fixture
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    """A browser."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    async with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser
        await browser.open("about:blank")


async def test_a_domain_is_asked_for_checked_activated_and_released_in_a_browser(
    tab: Tab, sites: Sites, domains: Domains, client: Environment
) -> None:
    settings = domains.platform.settings.model_copy(update={"port": sites.port})
    gateway = create_app(replace(domains.platform, settings=settings))
    password = await create_administrator(domains.platform, client, ADMIN)
    async with running(gateway):
        sites.gateway = gateway
        await tab.open(sites.address(client, "/admin"))
        await tab.log_in(ADMIN, password)
        await tab.until("document.querySelector('a[href=\"/admin/domains\"]')")
        await tab.open(sites.address(client, "/admin/domains"))

        await tab.until("document.querySelector('#request fieldset:enabled')")
        await tab.evaluate("document.getElementById('name').value = 'co.uk'")
        await tab.evaluate("document.querySelector('#request button').click()")
        await tab.until("document.querySelector('#problem')?.textContent.startsWith('This is a suffix')")
        await tab.evaluate(f"document.getElementById('name').value = '{NAME}'")
        await tab.evaluate("document.querySelector('#request button').click()")
        await _press(tab, "checkOwnDomain")
        await tab.until("document.querySelectorAll('[data-domain] .problem').length === 2")

        await domains.enter(client, NAME)
        await _press(tab, "checkOwnDomain")
        await tab.until("document.querySelector('[data-domain]')?.textContent.includes('The DNS is right')")
        await _press(tab, "activateOwnDomain")
        await tab.until("document.querySelector('[data-domain] .state.active')")
        await _press(tab, "releaseOwnDomain")
        await tab.until("document.querySelector('[data-domain] .state.quarantined')")
        assert await tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert tab.complaints == []
        await tab.open("about:blank")


async def _press(tab: Tab, change: str) -> None:
    button = f"document.querySelector('[data-domain] [data-change={change}]:enabled')"
    await tab.until(button)
    await tab.evaluate(f"{button}.click()")
