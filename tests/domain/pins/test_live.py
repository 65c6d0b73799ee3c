"""Whatever changes the map is told to those who watch it, at once."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from domain.groups import actions as groups
from domain.kernel.work import Work
from domain.lots import actions as lots
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorSource
from domain.permits import actions as permits
from domain.permits.models import PermitKind
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from tests.fixtures.pins import STAFF, Campus

Act = Callable[[Work, dict[str, UUID]], Awaitable[object]]
READING = Reading("17", "North Garage", capacity=100, occupied=90)
ACTIONS: dict[str, Act] = {
    "a group is created": lambda work, _: groups.create(work, "Another"),
    "a group is renamed": lambda work, ids: groups.change(work, ids["group"], name="Renamed"),
    "a group leaves the map": lambda work, ids: groups.change(work, ids["group"], is_on_map=False),
    "a group gets a sensor": lambda work, ids: groups.change(work, ids["bare"], mistall_lot_id=ids["mistall"]),
    "a group is archived": lambda work, ids: groups.archive(work, ids["group"]),
    "a lot is created": lambda work, _: lots.create(work, "Another", "A"),
    "a lot gets more places": lambda work, ids: lots.change(work, ids["lot"], temporary_maximum=50),
    "a lot changes its group": lambda work, ids: lots.change(work, ids["lot"], lot_group_id=ids["bare"]),
    "a lot is archived": lambda work, ids: lots.archive(work, ids["lot"]),
    "a permit ends": lambda work, ids: permits.expire(work, ids["permit"]),
    "a reading comes": lambda work, _: record_readings(work, SensorSource.MISTALL, [READING]),
    "a vendor's lot vanishes": lambda work, _: record_readings(work, SensorSource.MISTALL, []),
    "an integration is switched off": lambda work, _: change_integration(work, Vendor.MISTALL, is_enabled=False),
}


@pytest.mark.parametrize("what", ACTIONS)
async def test_a_change_of_the_map_is_told(campus: Campus, what: str) -> None:
    ids = await _built(campus)
    before = await campus.map(STAFF)
    campus.parking.published.clear()

    campus.parking.clock.advance(seconds=1)
    async with campus.parking.work() as work:
        await ACTIONS[what](work, ids)

    assert await campus.map(STAFF) != before
    assert campus.parking.published == [frozenset({"occupancy"})]


async def test_an_issued_permit_is_told(campus: Campus) -> None:
    ids = await _built(campus)
    before = await campus.map(STAFF)
    campus.parking.published.clear()

    await campus.permit(ids["lot"], PermitKind.STANDARD)

    assert await campus.map(STAFF) != before
    assert campus.parking.published == [frozenset({"occupancy"})]


async def _built(campus: Campus) -> dict[str, UUID]:
    """A campus with one of everything."""
    await campus.enable(Vendor.MISTALL)
    mistall = await campus.mistall()
    group = await campus.group("Core", mistall_lot_id=mistall)
    bare = await campus.group("Bare")
    lot = await campus.lot(lot_group_id=group, standard_allocated=5, temporary_maximum=5)
    permit = await campus.permit(lot, PermitKind.TEMPORARY)
    return {"mistall": mistall, "group": group, "bare": bare, "lot": lot, "permit": permit}
