"""The map as visitors and as staff see it, on a real database."""

import pytest

from domain.groups import actions as groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorSource
from domain.occupancy.rules import Count, OccupancySource
from domain.permits import actions as permits
from domain.permits.models import PermitKind
from domain.pins.queries import staff_map
from domain.settings.models import Vendor
from tests.fixtures.parking import MORNING, Parking, staff, user
from tests.fixtures.pins import GUEST, STAFF, Campus


async def test_a_group_without_a_sensor_shows_what_its_lots_add_up_to(campus: Campus) -> None:
    group_id = await campus.group()
    for name in ("A", "B"):
        lot_id = await campus.lot(name, lot_group_id=group_id, standard_allocated=10, temporary_maximum=10)
        await campus.permit(lot_id, PermitKind.STANDARD)
        for _ in range(4):
            await campus.permit(lot_id, PermitKind.TEMPORARY)

    seen_by_staff = (await campus.only_group(STAFF)).occupancy
    assert (seen_by_staff.capacity, seen_by_staff.occupied, seen_by_staff.source) == (40, 10, OccupancySource.PERMITS)
    seen_by_guests = (await campus.only_group()).occupancy
    assert (seen_by_guests.capacity, seen_by_guests.occupied, seen_by_guests.percent_full) == (20, 8, 40)
    assert (seen_by_guests.is_stale, seen_by_guests.observed_at) == (False, None)


async def test_the_sensor_and_the_permits_stand_side_by_side_and_may_disagree(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    group_id = await campus.group(mistall_lot_id=await campus.mistall(occupied=97))
    await campus.lot(lot_group_id=group_id, temporary_maximum=10)

    group = await campus.only_group()
    assert (group.occupancy.source, group.occupancy.percent_full) == (OccupancySource.MISTALL, 97)
    assert group.occupancy.observed_at == MORNING
    assert group.lots[0].occupancy.available == 10


async def test_a_sensor_counts_only_while_its_integration_is_enabled(campus: Campus) -> None:
    await campus.group(mistall_lot_id=await campus.mistall())
    assert (await campus.only_group()).occupancy.source is OccupancySource.PERMITS

    await campus.enable(Vendor.MISTALL)
    assert (await campus.only_group()).occupancy.source is OccupancySource.MISTALL

    await campus.enable(Vendor.MISTALL, is_enabled=False)
    assert (await campus.only_group()).occupancy.source is OccupancySource.PERMITS


async def test_raw_numbers_are_clamped_only_when_shown(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall(occupied=140))

    occupancy = (await campus.only_group(STAFF)).occupancy
    assert (occupancy.capacity, occupancy.occupied, occupancy.available, occupancy.percent_full) == (100, 100, 0, 100)


@pytest.mark.parametrize(("limit", "percent"), [(80, 75), (None, None)])
async def test_parking_logix_gives_free_spaces_which_need_the_limit_of_the_group(
    campus: Campus, limit: int | None, percent: int | None
) -> None:
    await campus.enable(Vendor.PARKING_LOGIX)
    await campus.group("Deck", parking_logix_name="Mountaineer Garage", vehicle_count_limit=limit)
    await campus.group("Other", parking_logix_name="mountaineer garage")
    async with campus.parking.work() as work:
        reading = Reading("Mountaineer Garage", "Mountaineer Garage", free=20)
        await record_readings(work, SensorSource.PARKING_LOGIX, [reading])

    deck, other = (await campus.map(STAFF)).groups
    assert (deck.occupancy.source, deck.occupancy.available) == (OccupancySource.PARKING_LOGIX, 20)
    assert deck.occupancy.percent_full == percent
    assert other.occupancy.source is OccupancySource.PERMITS  # the name must match exactly


async def test_a_reading_goes_stale_after_three_missed_polls_of_its_schedule(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall())
    campus.parking.clock.advance(minutes=30)
    assert not (await campus.only_group()).occupancy.is_stale

    campus.parking.clock.advance(seconds=1)
    assert (await campus.only_group()).occupancy.is_stale

    await campus.mistall(occupied=41)
    assert not (await campus.only_group()).occupancy.is_stale


async def test_staleness_goes_by_the_schedule_of_the_environment(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall())
    await campus.schedule("every 60")
    campus.parking.clock.advance(minutes=3)
    assert not (await campus.only_group()).occupancy.is_stale

    campus.parking.clock.advance(seconds=1)
    assert (await campus.only_group()).occupancy.is_stale


async def test_a_poll_that_brings_nothing_new_keeps_the_reading_fresh(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall())
    campus.parking.clock.advance(minutes=29)
    async with campus.parking.work() as work:
        again = Reading("17", "North Garage", capacity=100, occupied=40, observed_at=MORNING)
        await record_readings(work, SensorSource.MISTALL, [again])
    campus.parking.clock.advance(minutes=29)

    occupancy = (await campus.only_group()).occupancy
    assert (occupancy.is_stale, occupancy.observed_at) == (False, MORNING)


async def test_a_vanished_lot_is_stale_and_still_shown(campus: Campus) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall(occupied=40))
    async with campus.parking.work() as work:
        await record_readings(work, SensorSource.MISTALL, [])

    occupancy = (await campus.only_group()).occupancy
    assert (occupancy.is_stale, occupancy.percent_full) == (True, 40)


async def test_standard_permits_are_shown_to_the_user_types_of_the_lot(campus: Campus) -> None:
    students, faculty = await campus.parking.user_type("Students"), await campus.parking.user_type("Faculty")
    group_id = await campus.group()
    await campus.lot(lot_group_id=group_id, standard_allocated=10, temporary_maximum=10, user_type_ids={students})

    async def capacity(actor: Actor) -> int | None:
        return (await campus.only_group(actor)).occupancy.capacity

    assert await capacity(GUEST) == 10
    assert await capacity(user(faculty)) == 10
    assert await capacity(user()) == 10
    assert await capacity(user(students)) == 20
    assert await capacity(STAFF) == 20


async def test_a_class_of_viewers_sees_the_same_map_as_each_of_them(campus: Campus) -> None:
    students = await campus.parking.user_type()
    group_id = await campus.group()
    await campus.lot(lot_group_id=group_id, standard_allocated=10, user_type_ids={students})

    for actor in (GUEST, user(students), staff(Permission.VIEW_LOTS)):
        assert await campus.map(actor.reduced(frozenset())) == await campus.map(actor)


async def test_permits_count_from_and_until_their_time(campus: Campus) -> None:
    lot_id = await campus.lot(standard_allocated=9, temporary_maximum=9)
    for kind in PermitKind:
        for hours in ((-2.0, -1.0), (-1.0, 0.0), (-1.0, 1.0), (0.0, 1.0), (1.0, 2.0)):
            await campus.permit(lot_id, kind, hours)
    expired = await campus.permit(lot_id, PermitKind.TEMPORARY)
    async with campus.parking.work() as work:
        await permits.expire(work, expired)

    (lot,) = (await campus.map(STAFF)).loose_lots
    assert lot.temporary == Count(9, 2)  # (-1, 1) and (0, 1): valid now
    assert lot.standard == Count(9, 3)  # also the one that is sold and starts later


async def test_an_oversold_lot_shows_what_was_sold(campus: Campus) -> None:
    lot_id = await campus.lot(standard_allocated=1)
    for _ in range(3):
        await campus.permit(lot_id, PermitKind.STANDARD)

    (lot,) = (await campus.map(STAFF)).loose_lots
    assert (lot.standard.maximum, lot.standard.taken, lot.standard.available) == (1, 3, 0)


async def test_pins_are_groups_on_the_map_and_visible_lots_without_a_group(campus: Campus) -> None:
    point = MapPoint(45.4, -75.7)
    group_id = await campus.group("Core")
    await campus.group("No point", point=None)
    await campus.group("Not on the map", is_on_map=False)
    await campus.lot("In the group", lot_group_id=group_id, temporary_maximum=1, point=point)
    await campus.lot("Alone", temporary_maximum=1, point=point)
    await campus.lot("Without a point", temporary_maximum=1)
    await campus.lot("Hidden", temporary_maximum=1, point=point, is_visible=False)

    assert [pin.name for pin in (await campus.map()).pins] == ["Core", "Alone"]
    assert [pin.name for pin in (await campus.map(STAFF)).pins] == ["Core", "Alone"]


async def test_a_lot_that_offers_a_visitor_nothing_is_not_shown_to_them(campus: Campus) -> None:
    await campus.lot("Standard only", standard_allocated=10)
    await campus.lot("Nothing")

    assert (await campus.map()).loose_lots == ()
    assert [lot.name for lot in (await campus.map(STAFF)).loose_lots] == ["Nothing", "Standard only"]


async def test_lots_of_an_archived_group_are_lots_without_a_group(campus: Campus) -> None:
    group_id = await campus.group()
    await campus.lot(lot_group_id=group_id, temporary_maximum=1, point=MapPoint(1, 2))
    async with campus.parking.work() as work:
        await groups.archive(work, group_id)

    seen = await campus.map()
    assert seen.groups == ()
    assert [pin.name for pin in seen.pins] == ["Lot 4"]


@pytest.mark.parametrize("actor", [GUEST, STAFF], ids=["visitor", "staff"])
async def test_the_whole_map_is_two_statements(campus: Campus, actor: Actor) -> None:
    await campus.enable(Vendor.MISTALL)
    mistall = await campus.mistall()
    for number in range(5):
        group_id = await campus.group(f"Group {number}", mistall_lot_id=mistall)
        for lot in range(3):
            await campus.lot(f"Lot {number}.{lot}", lot_group_id=group_id, temporary_maximum=5)

    with campus.parking.counting() as statements:
        seen = await campus.map(actor)

    assert len([text for text in statements if text.startswith("SELECT")]) == 2, statements
    assert [len(group.lots) for group in seen.groups] == [3] * 5


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(GUEST, LoginRequired), (user(), Denied), (staff(Permission.VIEW_PERMITS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_the_map_of_staff_is_for_who_may_view_lots(
    parking: Parking, actor: Actor, refusal: type[Exception]
) -> None:
    async with parking.reading(actor) as snapshot:
        with pytest.raises(refusal):
            await staff_map(snapshot)
