"""The page of the platform: plan, trials, addresses and mail, for staff who may see settings; and the client's decisions."""

import pytest
from sqlalchemy import text

from domain.kernel.actor import Actor
from domain.kernel.features import Feature
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.plans.trials import begin, trials_of
from tests.fixtures.sites import Sites
from tests.gateway.pages.browser import CHROMIUM, browsing
from tests.gateway.pages.conftest import ADMIN, LogIn, Visit


async def test_staff_see_the_plan_what_waits_for_them_and_where_mail_comes_from(
    visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment
) -> None:
    await begin(platform.databases, tenant.tenant.id, "own_domain", words="Look <there>.", actor="sam")
    cookie = await log_in("/admin/graphql")

    desk, shown = await visit("/admin", cookie=cookie), await visit("/admin/platform", cookie=cookie)

    assert 'href="/admin/platform"' in desk.text
    assert shown.status_code == 200
    assert "Plan: Standard" in shown.text
    assert "Own domain is on trial in the preview and waits for your decision. Look &lt;there&gt;." in shown.text
    assert 'value="approveFeature"' in shown.text
    assert "Mail comes from no-reply@ops-com.localhost." in shown.text
    assert "None is published." in shown.text


async def test_who_may_not_decide_is_not_asked_to(
    visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment
) -> None:
    await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    cookie = await log_in("/admin/graphql")
    async with platform.databases.work(tenant, Actor.system()) as work:
        await work.execute(text("update role set permissions = '{view_settings}'"))

    shown = await visit("/admin/platform", cookie=cookie)

    assert "waits for your decision" in shown.text
    assert 'value="approveFeature"' not in shown.text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
@pytest.mark.parametrize(("field", "is_on"), [("approveFeature", True), ("declineFeature", False)])
async def test_a_trial_is_approved_or_declined_in_a_browser(  # noqa: PLR0917 - fixtures
    field: str,
    is_on: bool,
    sites: Sites,
    platform: Platform,
    tenant: Environment,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    await begin(platform.databases, tenant.tenant.id, "own_domain", words="", actor="sam")
    password = await create_administrator(platform, tenant, ADMIN)
    async with browsing(tmp_path_factory.mktemp("browser")) as tab:
        await tab.open(sites.address(tenant, "/admin"))
        await tab.log_in(ADMIN, password)
        await tab.until("document.querySelector('a[href=\"/admin/platform\"]')")
        await tab.open(sites.address(tenant, "/admin/platform"))

        await tab.until("document.querySelector('[data-trial] fieldset:enabled')")
        await tab.evaluate("document.querySelector('[data-trial] input').value = 'We talked.'")
        await tab.evaluate(f"document.querySelector('[value={field}]').click()")
        await tab.until("document.querySelector('h2') && !document.querySelector('[data-trial]')")

        assert tab.complaints == []
        await tab.open("about:blank")

    (trial,) = await trials_of(platform.databases, tenant.tenant.id)
    await platform.registry.load()
    found = platform.registry.by_id(tenant.id)
    assert (trial.is_approved, trial.reason) == (is_on, "We talked.")
    assert found is not None
    assert (Feature.OWN_DOMAIN in found.tenant.entitled.features) is is_on
