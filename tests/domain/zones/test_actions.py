"""Changing lot zones and linking them with lots, on a real database."""

from datetime import date, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.kernel.ids import uuid7
from domain.lots import actions as lots
from domain.lots.errors import LotNotFound
from domain.zones import actions
from domain.zones.errors import LotZoneNotFound, ZoneNameTaken, ZoneNotFound
from domain.zones.models import LotZone, Zone
from domain.zones.queries import managed_links, managed_zones, validity, zones_of_lot_at
from domain.zones.rules import ByDates, ByDays, Validity
from tests.fixtures.parking import MORNING, Parking, staff, user

MANAGER = staff(Permission.MANAGE_LOTS, Permission.VIEW_LOTS)
TORONTO = ZoneInfo("America/Toronto")
OFFICE_HOURS = ByDays(frozenset({1, 2, 3, 4, 5}), time(9), time(17))


async def create(parking: Parking, long_name: str = "1001") -> UUID:
    async with parking.work(MANAGER) as work:
        return await actions.create(work, long_name, "Z1")


async def new_lot(parking: Parking) -> UUID:
    async with parking.work(MANAGER) as work:
        return await lots.create(work, "Green Staff Lot East", "GSE")


async def link(parking: Parking, lot_id: UUID, zone_id: UUID, when: Validity) -> UUID:
    async with parking.work(MANAGER) as work:
        return await actions.link(work, lot_id, zone_id, when)


async def holding(parking: Parking, lot_id: UUID, hours: float = 0) -> frozenset[UUID]:
    async with parking.reading() as snapshot:
        return await zones_of_lot_at(snapshot, lot_id, MORNING + timedelta(hours=hours), TORONTO)


async def test_a_zone_holds_for_its_lots_at_its_times(parking: Parking) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    await link(parking, lot_id, zone_id, OFFICE_HOURS)

    assert await holding(parking, lot_id) == frozenset()  # 08:00 in Toronto
    assert await holding(parking, lot_id, hours=1) == {zone_id}
    assert await holding(parking, uuid7(), hours=1) == frozenset()


async def test_a_link_comes_back_as_it_went_in(parking: Parking) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    given: list[Validity] = [ByDays(), OFFICE_HOURS, ByDates(date(2026, 9, 1), date(2027, 5, 31))]
    for when in given:
        await link(parking, lot_id, zone_id, when)

    async with parking.reading() as snapshot:
        assert [validity(row) for row in await snapshot.scalars(managed_links(MANAGER))] == given


async def test_a_removed_link_holds_no_more(parking: Parking) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    link_id = await link(parking, lot_id, zone_id, ByDays())
    async with parking.work(MANAGER) as work:
        await actions.unlink(work, link_id)

    assert await holding(parking, lot_id) == frozenset()
    with pytest.raises(LotZoneNotFound):
        async with parking.work(MANAGER) as work:
            await actions.unlink(work, link_id)


async def test_an_archived_zone_holds_for_no_lot_and_frees_its_name(parking: Parking) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    await link(parking, lot_id, zone_id, ByDays())
    async with parking.work(MANAGER) as work:
        await actions.archive(work, zone_id)

    assert await holding(parking, lot_id) == frozenset()
    with pytest.raises(ZoneNotFound):
        await link(parking, lot_id, zone_id, ByDays())
    assert await create(parking) != zone_id


async def test_third_parties_find_one_zone_by_its_name(parking: Parking) -> None:
    await create(parking, " 1001 ")
    with pytest.raises(ZoneNameTaken):
        await create(parking, "1001")

    other = await create(parking, "1002")
    with pytest.raises(ZoneNameTaken):
        async with parking.work(MANAGER) as work:
            await actions.change(work, other, long_name="1001")


async def test_a_change_leaves_what_is_absent(parking: Parking) -> None:
    zone_id = await create(parking)
    async with parking.work(MANAGER) as work:
        await actions.change(work, zone_id, short_name="HotSpot")

    async with parking.reading() as snapshot:
        (zone,) = await snapshot.scalars(managed_zones(MANAGER))
    assert (zone.long_name, zone.short_name) == ("1001", "HotSpot")


async def test_lot_and_zone_of_a_link_must_exist(parking: Parking) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    with pytest.raises(LotNotFound):
        await link(parking, uuid7(), zone_id, ByDays())
    with pytest.raises(ZoneNotFound):
        await link(parking, lot_id, uuid7(), ByDays())


async def test_zones_are_not_on_the_map(parking: Parking) -> None:
    lot_id = await new_lot(parking)
    parking.published.clear()
    await link(parking, lot_id, await create(parking), ByDays())

    assert parking.published == []


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.VIEW_LOTS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_only_who_manages_lots_may_change_zones(parking: Parking, actor: Actor, refusal: type[Exception]) -> None:
    lot_id, zone_id = await new_lot(parking), await create(parking)
    link_id = await link(parking, lot_id, zone_id, ByDays())
    for act in (
        lambda work: actions.create(work, "Another", "A"),
        lambda work: actions.change(work, zone_id, long_name="Changed"),
        lambda work: actions.archive(work, zone_id),
        lambda work: actions.link(work, lot_id, zone_id, ByDays()),
        lambda work: actions.unlink(work, link_id),
    ):
        with pytest.raises(refusal):
            async with parking.work(actor) as work:
                await act(work)

    async with parking.reading() as snapshot:
        assert [zone.long_name for zone in await snapshot.scalars(select(Zone))] == ["1001"]
        assert await snapshot.scalars(select(LotZone.id)) == [link_id]
    assert await holding(parking, lot_id) == {zone_id}
