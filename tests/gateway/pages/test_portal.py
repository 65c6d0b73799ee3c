"""The page of visitors: what it shows without its script, and what it never does."""

import re

import orjson
import pytest
from sqlalchemy import text

from domain.groups.rules import MapPoint
from domain.settings.models import Vendor
from gateway.pages.assets import address
from opscom.platform import Platform
from tenants.environments import Environment, EnvironmentKind, State
from tenants.hostnames import preview_host
from tenants.registry.actions import register_environment, transition
from tests.fixtures.pins import Campus
from tests.gateway.pages.conftest import ADMIN, LogIn, Visit, hide_data

HANDLER = re.compile(r"<[^>]*\son\w+=", re.IGNORECASE)
INLINE = re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*application/json)|<style|\sstyle=", re.IGNORECASE)


async def test_a_visitor_sees_places_in_per_cent_and_no_number(visit: Visit, campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    group = await campus.group("North Garage", mistall_lot_id=await campus.mistall(occupied=317, capacity=500))
    await campus.lot("North A", lot_group_id=group, standard_allocated=40, temporary_maximum=20)

    shown = await visit()

    assert shown.status_code == 200
    assert "North Garage: 63 % full. Counted by cameras at" in shown.text
    assert "100 % left" in shown.text
    assert "317" not in shown.text


async def test_a_lot_without_a_group_is_a_place_of_its_own(visit: Visit, campus: Campus) -> None:
    await campus.lot("Boathouse", temporary_maximum=4, point=MapPoint(45.4, -75.7))

    assert "Boathouse: 0 % full. Counted by permits" in (await visit()).text


async def test_a_silent_sensor_is_called_so_and_drawn_otherwise(visit: Visit, campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group("North Garage", mistall_lot_id=await campus.mistall())
    async with campus.parking.work() as work:
        await work.execute(text("update sensor_lot set polled_at = now() - interval '2 hours'"))

    shown = await visit()

    assert "No news since" in shown.text
    assert 'class="pin stale"' in shown.text


async def test_an_empty_map_says_so(visit: Visit) -> None:
    assert "No place is on the map yet." in (await visit()).text


async def test_somebody_logged_in_sees_their_name_and_a_guest_the_form(visit: Visit, log_in: LogIn) -> None:
    guest, known = await visit(), await visit(cookie=await log_in("/graphql"))

    assert 'id="log-in"' in guest.text
    assert 'id="log-out"' not in guest.text
    assert f'<span class="who">{ADMIN.partition("@")[0]}</span>' in known.text
    assert 'id="log-in"' not in known.text


async def test_a_password_can_not_get_into_an_address_without_the_script(visit: Visit) -> None:
    form = (await visit()).text.partition('id="log-in"')[2].partition("</form>")[0]

    assert 'method="post"' in form
    assert "<fieldset disabled>" in form


async def test_names_that_are_markup_stay_names(visit: Visit, campus: Campus) -> None:
    await campus.group("</script><script>alert(1)</script>")

    shown = await visit()

    assert "<script>alert(1)" not in shown.text
    facts = shown.text.partition('id="facts">')[2].partition("</script>")[0]
    assert orjson.loads(facts)["pins"][0]["name"] == "</script><script>alert(1)</script>"


async def test_every_page_forbids_what_it_does_not_need(visit: Visit) -> None:
    shown = await visit()

    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["referrer-policy"] == "same-origin"
    assert shown.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/", "/admin"])
async def test_nothing_is_inside_a_page_that_its_policy_forbids(visit: Visit, path: str) -> None:
    shown = await visit(path)

    assert HANDLER.search(shown.text) is None
    assert INLINE.search(shown.text) is None
    assert re.findall(r'(?:src|href)="(?!/static/|#|/"|http://[a-z0-9.-]+:8000/")([^"]*)"', shown.text) == []


async def test_links_come_from_the_registry_whatever_was_asked_for(visit: Visit, tenant: Environment) -> None:
    shown = await visit(host=f"{tenant.primary_host.upper()}:1234")

    assert f'<link rel="canonical" href="http://{tenant.primary_host}:8000/">' in shown.text
    assert "1234" not in shown.text


async def test_a_preview_carries_the_banner_and_production_does_not(
    visit: Visit, platform: Platform, tenant: Environment
) -> None:
    host = preview_host(tenant.tenant.slug, platform.settings.base_domain)
    async with platform.databases.control().begin() as connection:
        preview = await register_environment(
            connection, tenant.tenant.id, EnvironmentKind.PREVIEW, cell=tenant.cell, host=host
        )
    await platform.provisioner.provision(preview, actor="tests")

    assert 'class="banner"' not in (await visit()).text
    for path in ("/", "/admin"):
        assert "<strong>Preview site.</strong>" in (await visit(path, host=host)).text


async def test_a_suspended_site_is_a_page_for_people_and_a_code_for_programs(
    visit: Visit, platform: Platform, tenant: Environment
) -> None:
    async with platform.databases.control().begin() as connection:
        await transition(connection, tenant.id, State.SUSPENDED, actor="tests", reason="unpaid")
    await platform.registry.load()

    page, program, style = (
        await visit(),
        await visit("/graphql", accept="application/json"),
        await visit(address("pages.css")),
    )

    assert (page.status_code, page.headers["retry-after"]) == (503, "3600")
    assert "This site is closed for the moment" in page.text
    assert "unpaid" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert (program.status_code, program.json()["errors"][0]["extensions"]["code"]) == (503, "SUSPENDED")
    assert style.status_code == 200


@pytest.mark.parametrize(("path", "first"), [("/nope", "/"), ("/favicon.ico", "/"), ("/admin/", "/admin")])
async def test_a_path_that_leads_nowhere_is_a_page_for_people_and_a_code_for_programs(
    visit: Visit, path: str, first: str
) -> None:
    page, program = await visit(path), await visit(path, accept="application/json")

    assert (page.status_code, page.headers["cache-control"]) == (404, "no-store")
    assert "There is no such page" in page.text
    assert f'<a href="{first}">' in page.text
    assert "content-security-policy" in page.headers
    assert (program.status_code, program.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


async def test_an_unknown_site_has_no_page(visit: Visit) -> None:
    shown = await visit(host="nobody.ops-com.localhost")

    assert shown.status_code == 404
    assert "<html" not in shown.text


async def test_data_that_can_not_be_read_make_a_page_that_says_so(
    platform: Platform, tenant: Environment, visit: Visit
) -> None:
    await hide_data(platform, tenant)

    shown = await visit()

    assert shown.status_code == 503
    assert "can not be read right now" in shown.text
    assert shown.headers["cache-control"] == "no-store"
