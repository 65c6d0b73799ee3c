"""The page of the platform: plan, trials, addresses and mail, for staff who may see settings."""

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.plans.trials import begin
from tests.gateway.pages.conftest import LogIn, Visit


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
    assert "Mail comes from no-reply@ops-com.localhost." in shown.text
    assert "None is published." in shown.text


async def test_who_is_not_logged_in_is_sent_to_the_form(visit: Visit) -> None:
    shown = await visit("/admin/platform")

    assert (shown.status_code, shown.headers["location"]) == (303, "/admin")
