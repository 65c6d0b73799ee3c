"""The page of visitors: what it shows without its script, and what it never does."""

import re
from dataclasses import replace

import orjson
import pytest

from domain.settings.models import Vendor
from gateway.pages.rendering import page
from opscom.platform import Platform
from tenants.environments import Environment, EnvironmentKind
from tests.fixtures.pins import Campus
from tests.gateway.pages.conftest import LogIn, Visit


async def test_a_visitor_sees_each_place_in_per_cent_and_no_number(visit: Visit, campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    group = await campus.group("North Garage", mistall_lot_id=await campus.mistall(occupied=317, capacity=500))
    await campus.lot("North A", lot_group_id=group, temporary_maximum=20)

    shown = await visit()

    assert shown.status_code == 200
    assert "63 % full" in shown.text
    assert "Counted by cameras at" in shown.text
    assert "100 % left" in shown.text
    assert "317" not in shown.text


async def test_a_lot_without_a_group_is_a_place_of_its_own(visit: Visit, campus: Campus) -> None:
    from domain.groups.rules import MapPoint  # noqa: PLC0415

    await campus.lot("Boathouse", temporary_maximum=4, point=MapPoint(45.4, -75.7))

    shown = await visit()

    assert "Boathouse: 0 % full. Counted by permits" in shown.text


async def test_a_silent_sensor_is_called_stale(visit: Visit, campus: Campus, platform: Platform) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group("North Garage", mistall_lot_id=await campus.mistall())
    async with campus.parking.work() as work:
        from sqlalchemy import text  # noqa: PLC0415

        await work.execute(text("update sensor_lot set polled_at = now() - interval '2 hours'"))

    shown = await visit()

    assert "No news since" in shown.text
    assert 'class="pin stale"' in shown.text
