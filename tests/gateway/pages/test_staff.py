"""What the pages of staff have in common: whom they are for, and what they say when not all could be read."""

import pytest

from gateway.pages.staff import TROUBLE
from opscom.platform import Platform
from tenants.environments import Environment
from tests.gateway.pages.conftest import LogIn, Visit, hide_data

PAGES = ("/admin/domains", "/admin/mail", "/admin/platform")


@pytest.mark.parametrize("path", PAGES)
async def test_who_is_not_logged_in_is_sent_to_the_form(visit: Visit, path: str) -> None:
    shown = await visit(path)

    assert (shown.status_code, shown.headers["location"]) == (303, "/admin")
    assert shown.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_what_can_not_be_read_is_not_shown_as_if_it_were_not_there(
    visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment, path: str
) -> None:
    """Who asks is remembered for seconds: meanwhile each field failed by itself, and the page said that there was no mail."""
    cookie = await log_in("/admin/graphql")
    assert (await visit(path, cookie=cookie)).status_code == 200

    await hide_data(platform, tenant)
    shown = await visit(path, cookie=cookie)

    assert shown.status_code == 503
    assert TROUBLE in shown.text
    assert "There is no mail yet" not in shown.text
