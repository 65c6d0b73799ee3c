"""The page of staff: who gets it, and what is on it for whom."""

from datetime import timedelta

from sqlalchemy import text

from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
from domain.permits import actions as permits
from domain.permits.models import PermitKind
from domain.settings.models import Vendor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import EXPIRE_PERMITS
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.pins import Campus
from tests.gateway.pages.conftest import LogIn, Visit, hide_data


async def test_nobody_gets_more_than_the_form_without_a_login(visit: Visit, campus: Campus, log_in: LogIn) -> None:
    await campus.group("North Garage")
    as_visitor = await log_in("/graphql")

    for shown in (await visit("/admin"), await visit("/admin", cookie=as_visitor)):
        assert shown.status_code == 200
        assert 'id="log-in"' in shown.text
        assert "North Garage" not in shown.text
        assert "System tasks" not in shown.text


async def test_staff_see_cars_beside_permits(visit: Visit, campus: Campus, log_in: LogIn) -> None:
    await campus.enable(Vendor.MISTALL)
    group = await campus.group("North Garage", mistall_lot_id=await campus.mistall(occupied=317, capacity=500))
    for name in ("Level 1", "Level 2"):
        await campus.lot(name, lot_group_id=group, standard_allocated=40, temporary_maximum=20)

    shown = await visit("/admin", cookie=await log_in("/admin/graphql"))

    assert "317 of 500 taken" in shown.text
    assert shown.text.count('<td data-slot="standard">0 / 40</td>') == 2
    assert '<td data-slot="temporary">0 / 40</td>' in shown.text  # the lots together


async def test_an_oversold_lot_shows_what_was_sold_and_is_full(visit: Visit, campus: Campus, log_in: LogIn) -> None:
    lot = await campus.lot("Boathouse", standard_allocated=1, point=MapPoint(45.4, -75.7))
    async with campus.parking.work() as work:
        until = work.now + timedelta(hours=1)
        for plate in ("ABC 123", "ABC 124"):
            await permits.issue(work, lot, PermitKind.STANDARD, plate, starts_at=work.now, ends_at=until)

    shown = await visit("/admin", cookie=await log_in("/admin/graphql"))

    assert "Boathouse: 1 of 1 taken" in shown.text
    assert '<td data-slot="standard">2 / 1</td>' in shown.text


async def test_system_tasks_say_when_they_are_due_and_how_they_went(
    visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment
) -> None:
    async with platform.databases.work(tenant, Actor.system()) as work:
        run = await tasks.run(work, EXPIRE_PERMITS.name)
    cookie = await log_in("/admin/graphql")

    shown = await visit("/admin", cookie=cookie)

    assert "<h3>Update Mistall</h3>" in shown.text
    assert "daily at 03:20, next at" in shown.text
    assert "never ran" in shown.text
    assert '<span class="state queued">waiting</span>' in shown.text
    assert shown.text.count("data-log=") == 1
    assert shown.text.count("data-run=") == 6
    assert run.is_new


async def test_a_role_that_only_looks_gets_no_run_button(visit: Visit, log_in: LogIn, campus: Campus) -> None:
    async with campus.parking.work() as work:
        await work.execute(text("update role set permissions = '{view_system_tasks}'"))

    shown = await visit("/admin", cookie=await log_in("/admin/graphql"))

    assert shown.status_code == 200
    assert "System tasks" in shown.text
    assert "data-run=" not in shown.text
    assert "Your roles do not allow you to see the map." in shown.text


async def test_the_page_is_in_no_frame_and_in_no_cache(visit: Visit, log_in: LogIn) -> None:
    for shown in (await visit("/admin"), await visit("/admin", cookie=await log_in("/admin/graphql"))):
        assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
        assert shown.headers["x-frame-options"] == "DENY"
        assert shown.headers["cache-control"] == "no-store"


async def test_data_that_can_not_be_read_are_no_reason_to_ask_for_a_password(
    visit: Visit, log_in: LogIn, platform: Platform, tenant: Environment
) -> None:
    cookie = await log_in("/admin/graphql")
    await hide_data(platform, tenant)

    shown = await visit("/admin", cookie=cookie)

    assert shown.status_code == 503
    assert 'id="log-in"' not in shown.text
