"""Recording what sensors said, on a real database."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.occupancy.actions import Reading, Recorded, record_readings
from domain.occupancy.errors import ReadingInvalid
from domain.occupancy.models import SensorLot, SensorSource
from tests.fixtures.parking import MORNING, Parking, staff, user

EARLIER = MORNING - timedelta(minutes=1)


def north(occupied: int = 40, observed_at: datetime | None = MORNING, name: str = "North Garage") -> Reading:
    return Reading("17", name, capacity=100, occupied=occupied, observed_at=observed_at)


async def record(
    parking: Parking, *readings: Reading, source: SensorSource = SensorSource.MISTALL, actor: Actor | None = None
) -> Recorded:
    async with parking.work(actor) as work:
        return await record_readings(work, source, readings)


async def stored(parking: Parking) -> dict[str, SensorLot]:
    async with parking.reading() as snapshot:
        return {row.external_id: row for row in await snapshot.scalars(select(SensorLot))}


async def test_a_first_reading_makes_the_lot_known(parking: Parking) -> None:
    assert await record(parking, north()) == Recorded(created=1)

    row = (await stored(parking))["17"]
    assert (row.name, row.capacity, row.occupied, row.free) == ("North Garage", 100, 40, None)
    assert (row.observed_at, row.received_at, row.polled_at) == (MORNING, MORNING, MORNING)
    assert parking.published == [frozenset({"occupancy"})]


async def test_a_newer_reading_takes_the_place_of_the_older(parking: Parking) -> None:
    await record(parking, north(40))
    parking.clock.advance(minutes=10)

    assert await record(parking, north(55, parking.clock.now)) == Recorded(updated=1)
    assert (await stored(parking))["17"].occupied == 55


@pytest.mark.parametrize("again", [north(99, EARLIER), north(40), north(99)], ids=["late", "duplicate", "revised"])
async def test_a_late_or_duplicate_reading_changes_nothing_but_the_time_of_the_poll(
    parking: Parking, again: Reading
) -> None:
    await record(parking, north(40))
    parking.published.clear()
    parking.clock.advance(minutes=10)

    assert await record(parking, again) == Recorded(unchanged=1)

    row = (await stored(parking))["17"]
    assert (row.occupied, row.observed_at, row.received_at) == (40, MORNING, MORNING)
    assert row.polled_at == MORNING + timedelta(minutes=10)
    assert parking.published == []


@pytest.mark.parametrize("observed_at", [None, MORNING + timedelta(minutes=6)], ids=["missing", "far ahead"])
async def test_a_time_missing_or_far_ahead_becomes_the_time_received(
    parking: Parking, observed_at: datetime | None
) -> None:
    await record(parking, north(40, observed_at))

    assert (await stored(parking))["17"].observed_at == MORNING


async def test_of_several_readings_in_one_answer_the_newest_counts_in_any_order(parking: Parking) -> None:
    await record(parking, north(10, EARLIER), north(30), north(20, EARLIER - timedelta(minutes=1)))

    assert (await stored(parking))["17"].occupied == 30


async def test_readings_are_stored_raw(parking: Parking) -> None:
    await record(parking, north(140), Reading("18", "South", capacity=10, occupied=-3))

    assert {row.occupied for row in (await stored(parking)).values()} == {140, -3}


async def test_a_mistall_lot_that_is_not_in_the_answer_has_vanished_and_is_kept(parking: Parking) -> None:
    await record(parking, north(), Reading("18", "South", occupied=3))
    parking.clock.advance(minutes=10)

    assert await record(parking, Reading("18", "South", occupied=3)) == Recorded(updated=1, vanished=1)
    assert (await stored(parking))["17"].is_vanished


async def test_nothing_vanishes_by_an_answer_that_was_read_in_part(parking: Parking) -> None:
    await record(parking, north())
    async with parking.work() as work:
        assert await record_readings(work, SensorSource.MISTALL, [], is_whole=False) == Recorded()

    assert not (await stored(parking))["17"].is_vanished


async def test_it_vanishes_once_and_returns_with_any_reading(parking: Parking) -> None:
    await record(parking, north())
    await record(parking)
    parking.published.clear()

    assert await record(parking) == Recorded()
    assert parking.published == []
    assert await record(parking, north()) == Recorded(updated=1)
    assert not (await stored(parking))["17"].is_vanished
    assert parking.published == [frozenset({"occupancy"})]


async def test_a_parking_logix_lot_never_vanishes_since_each_key_answers_for_its_own(parking: Parking) -> None:
    logix = SensorSource.PARKING_LOGIX
    await record(parking, Reading("Deck A", "Deck A", free=5), source=logix)

    assert await record(parking, source=logix) == Recorded()
    assert not (await stored(parking))["Deck A"].is_vanished


async def test_two_vendors_may_use_the_same_id(parking: Parking) -> None:
    await record(parking, north())
    await record(parking, Reading("17", "17", free=5), source=SensorSource.PARKING_LOGIX)

    async with parking.reading() as snapshot:
        assert len(await snapshot.scalars(select(SensorLot))) == 2


async def test_polls_at_once_end_with_the_newest_reading(parking: Parking) -> None:
    def answer(minute: int) -> list[Reading]:
        lots = [
            Reading(str(n), str(n), occupied=minute, observed_at=MORNING + timedelta(seconds=minute)) for n in range(9)
        ]
        return lots if minute % 2 else lots[::-1]

    recorded = await asyncio.gather(*(record(parking, *answer(minute)) for minute in range(6)))

    assert {row.occupied for row in (await stored(parking)).values()} == {5}
    assert sum(each.created for each in recorded) == 9


@pytest.mark.parametrize(
    "wrong",
    [
        {"external_id": "", "occupied": 1},
        {"external_id": "17"},
        {"external_id": "17", "occupied": 1, "free": 1},
        {"external_id": "17", "capacity": -1, "occupied": 1},
        {"external_id": "17", "occupied": 2**31},
        {"external_id": "1\x007", "occupied": 1},
        {"external_id": "17", "occupied": 1, "observed_at": MORNING.replace(tzinfo=None)},
    ],
)
def test_a_reading_that_can_not_be_stored_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ReadingInvalid):
        Reading(**{"name": "North", **wrong})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.MANAGE_LOTS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_only_who_may_run_tasks_may_record(parking: Parking, actor: Actor, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await record(parking, north(), actor=actor)

    assert await stored(parking) == {}
