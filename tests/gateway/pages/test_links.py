"""The pages behind one-time links, and the page of mail: in a real browser where it matters, else as they are answered."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text

from auth.accounts import NewAccount
from auth.entry import entry_link
from auth.invitations import invitation_link, invite
from auth.models import LoginRow
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import Actor
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.sites import Sites
from tests.gateway.pages.browser import CHROMIUM, Tab, browsing
from tests.gateway.pages.conftest import LogIn, Visit

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
ANN = NewAccount("ann@tomahawku.example", "Ann Admin", "ann@tomahawku.example", role=ADMINISTRATOR)
PASSWORD = "the one she chose"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    """One browser for this file."""
    async with browsing(tmp_path_factory.mktemp("links")) as browser:
        yield browser


async def link_of(platform: Platform, sites: Sites, environment: Environment) -> str:
    """A link as Send Mail makes it, to where the test's gateway is."""
    site = sites.address(environment, "")
    async with platform.databases.work(environment, Actor.system()) as work:
        user_id = await invite(work, ANN)
        return invitation_link(work, user_id, site)


@needs_chromium
async def test_an_invited_person_chooses_a_password_and_logs_in_with_it(
    browser: Tab, sites: Sites, platform: Platform, tenant: Environment
) -> None:
    link = await link_of(platform, sites, tenant)
    await browser.send("Page.navigate", url=link)
    await browser.until("document.querySelector('#welcome fieldset:enabled')")
    assert await browser.evaluate("location.href") == link.partition("#")[0]

    await browser.evaluate(
        f"password.value = {PASSWORD!r}; again.value = 'another'; document.querySelector('#welcome button').click()"
    )
    await browser.until("!document.querySelector('[data-slot=problem]').hidden")
    await browser.evaluate(f"again.value = {PASSWORD!r}; document.querySelector('#welcome button').click()")
    await browser.until("location.pathname === '/admin' && document.querySelector('#log-in fieldset:enabled')")
    await browser.log_in(ANN.user_name, PASSWORD)

    await browser.until("document.querySelector('.who')?.textContent === 'Ann Admin'")
    assert browser.complaints == []


@needs_chromium
async def test_a_link_from_production_logs_in_and_a_used_one_says_so(
    browser: Tab, sites: Sites, platform: Platform, preview: Environment
) -> None:
    async with platform.databases.work(preview, Actor.system()) as work:
        user_id = await invite(work, ANN)
        await work.execute(
            text(
                "insert into identity (id, source_id, external_id, user_id, linked_at, linked_by)"
                " select gen_random_uuid(), s.id, cast(:id as text), :id, now(), 'account' from login_source s"
            ).bindparams(id=user_id)
        )
        link = await entry_link(work, user_id, sites.address(preview, ""))

    await browser.send("Page.navigate", url=link)
    await browser.until("location.pathname === '/admin' && document.querySelector('.who')?.textContent === 'Ann Admin'")
    await browser.send("Page.navigate", url=link)

    await browser.until("document.querySelector('[data-slot=state]')?.textContent.includes('was used before')")
    assert await browser.evaluate("location.href") == link.partition("#")[0]
    assert await browser.evaluate("document.querySelector('.banner') !== null")
    async with platform.databases.snapshot(preview, Actor.system()) as snapshot:
        assert len(await snapshot.scalars(select(LoginRow.id))) == 1


async def test_the_pages_behind_links_are_alike_for_everybody_and_in_no_cache_or_frame(visit: Visit) -> None:
    for path in ("/welcome", "/enter"):
        shown = await visit(path)

        assert shown.status_code == 200
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["x-frame-options"] == "DENY"
        assert shown.headers["referrer-policy"] == "same-origin"
        assert "script-src 'self'" in shown.headers["content-security-policy"]


async def test_mail_of_production_is_listed_without_links(
    visit: Visit, log_in: LogIn, desk: Desk, tenant: Environment
) -> None:
    await sent(desk, tenant)

    shown = await visit("/admin/mail", cookie=await log_in("/admin/graphql"))

    assert "Your account at A Tenant" in shown.text
    assert "Mail is not configured." in shown.text
    assert "/welcome#" not in shown.text


async def test_a_preview_shows_what_it_held_back_with_its_links(
    visit: Visit, log_in: LogIn, desk: Desk, preview: Environment
) -> None:
    await sent(desk, preview)

    shown = await visit("/admin/mail", cookie=await log_in("/admin/graphql"))

    assert '<span class="state captured">held back</span>' in shown.text
    assert f"http://{preview.primary_host}:8000/welcome#" in shown.text


async def test_mail_is_for_who_may_see_it(visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment) -> None:
    cookie = await log_in("/admin/graphql")
    async with platform.databases.work(tenant, Actor.system()) as work:
        await work.execute(text("update role set permissions = '{view_lots}'"))

    nobody, staff = await visit("/admin/mail"), await visit("/admin/mail", cookie=cookie)

    assert (nobody.status_code, nobody.headers["location"]) == (303, "/admin")
    assert "Your roles do not allow you to see the mail." in staff.text
    assert 'href="/admin/mail"' not in (await visit("/admin", cookie=cookie)).text


async def sent(desk: Desk, environment: Environment) -> None:
    """Invite somebody, and let a worker send it as far as that goes."""
    async with desk.platform.databases.work(environment, Actor.system()) as work:
        await invite(work, NewAccount("ben@x.example", "Ben", "ben@x.example"))
    (run,) = await desk.runs(environment)
    await desk.runner().run(run["id"])
