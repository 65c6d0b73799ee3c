"""What a raw reading shows, when it is stale, and what lots add up to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.occupancy.rules import (
    Count,
    Occupancy,
    OccupancySource,
    SensorState,
    by_permits,
    by_sensor,
    donut,
    is_stale,
    observed_or_received,
    supersedes,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)

raw = st.integers(min_value=-10_000, max_value=10_000)
capacities = st.none() | st.integers(min_value=0, max_value=10_000)
counts = st.builds(Count, maximum=st.integers(0, 1000), taken=st.integers(0, 2000))
times = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - hypothesis takes naive bounds


def state(
    capacity: int | None = 100,
    occupied: int | None = None,
    free: int | None = None,
    *,
    polled_at: datetime = NOW,
    is_vanished: bool = False,
) -> SensorState:
    return SensorState(OccupancySource.MISTALL, capacity, occupied, free, NOW, polled_at, is_vanished)


def shown(reading: SensorState, limit: int | None = None) -> Occupancy:
    return by_sensor(reading, limit, NOW, TEN_MINUTES)


@given(capacity=st.integers(1, 10_000), occupied=raw)
def test_an_occupied_reading_is_clamped_into_its_capacity(capacity: int, occupied: int) -> None:
    occupancy = shown(state(capacity, occupied=occupied))

    assert occupancy.occupied == max(0, min(capacity, occupied))
    assert occupancy.available == capacity - occupancy.occupied
    assert occupancy.percent_full is not None
    assert 0 <= occupancy.percent_full <= 100


@given(limit=st.integers(1, 10_000), free=raw)
def test_free_spaces_count_against_the_vehicle_limit_of_the_group(limit: int, free: int) -> None:
    occupancy = shown(state(None, free=free), limit)

    assert occupancy.capacity == limit
    assert occupancy.available == max(0, min(limit, free))
    assert occupancy.occupied == limit - occupancy.available


@given(free=raw)
def test_free_spaces_without_a_limit_have_no_percentage(free: int) -> None:
    occupancy = shown(state(None, free=free))

    assert (occupancy.capacity, occupancy.occupied, occupancy.percent_full) == (None, None, None)
    assert occupancy.available == max(0, free)


@given(occupied=raw)
def test_a_count_without_a_capacity_shows_the_count_alone(occupied: int) -> None:
    occupancy = shown(state(None, occupied=occupied))

    assert occupancy.occupied == max(0, occupied)
    assert (occupancy.available, occupancy.percent_full) == (None, None)


def test_the_vendors_capacity_wins_over_the_limit_of_the_group() -> None:
    assert shown(state(100, occupied=50), limit=10).capacity == 100


def test_a_lot_of_capacity_zero_has_no_percentage() -> None:
    assert shown(state(0, occupied=3)).percent_full is None


@given(capacity=st.integers(1, 10_000), occupied=raw)
def test_only_a_full_lot_reads_as_a_hundred_per_cent(capacity: int, occupied: int) -> None:
    is_full = occupied >= capacity

    assert (shown(state(capacity, occupied=occupied)).percent_full == 100) == is_full


@given(st.lists(counts))
def test_lots_add_up_to_numbers_that_agree(of_lots: list[Count]) -> None:
    occupancy = by_permits(of_lots)

    assert occupancy.capacity == sum(count.maximum for count in of_lots)
    assert occupancy.available == sum(max(0, count.maximum - count.taken) for count in of_lots)
    assert occupancy.occupied is not None
    assert occupancy.occupied + occupancy.available == occupancy.capacity
    assert (occupancy.percent_full is None) == (occupancy.capacity == 0)


def test_an_oversold_lot_takes_no_place_away_from_another() -> None:
    assert by_permits([Count(10, 25), Count(10, 4)]).available == 6


@given(st.lists(counts), st.randoms(use_true_random=False))
def test_the_order_of_lots_does_not_matter(of_lots: list[Count], random: st.DrawFn) -> None:
    shuffled = list(of_lots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as a draw function

    assert by_permits(shuffled) == by_permits(of_lots)


@given(st.lists(counts), raw)
def test_a_sensor_wins_over_the_lots_whatever_they_say(of_lots: list[Count], occupied: int) -> None:
    sensor = shown(state(100, occupied=occupied))

    assert donut(sensor, of_lots) == sensor
    assert donut(None, of_lots) == by_permits(of_lots)


@pytest.mark.parametrize(("minutes", "stale"), [(0, False), (10, False), (30, False), (30.02, True), (60, True)])
def test_a_reading_is_stale_after_three_missed_polls(minutes: float, stale: bool) -> None:
    polled_at = NOW - timedelta(minutes=minutes)

    assert shown(state(100, occupied=1, polled_at=polled_at)).is_stale is stale


@given(times, times, st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=7)))
def test_what_is_stale_stays_stale_as_time_goes_on(polled_at: datetime, now: datetime, interval: timedelta) -> None:
    assume(is_stale(polled_at, now, interval, is_vanished=False))

    assert is_stale(polled_at, now + timedelta(seconds=1), interval, is_vanished=False)


def test_a_vanished_lot_is_stale_at_once() -> None:
    assert shown(state(100, occupied=1, is_vanished=True)).is_stale


@pytest.mark.parametrize(
    ("observed_at", "expected"),
    [
        (None, NOW),
        (NOW - timedelta(days=1), NOW - timedelta(days=1)),
        (NOW + timedelta(minutes=5), NOW + timedelta(minutes=5)),
        (NOW + timedelta(minutes=5, seconds=1), NOW),
        (NOW + timedelta(days=400), NOW),
    ],
)
def test_a_time_missing_or_far_ahead_becomes_the_time_received(
    observed_at: datetime | None, expected: datetime
) -> None:
    assert observed_or_received(observed_at, NOW) == expected


@given(times, times)
def test_of_two_readings_at_most_one_supersedes_the_other(one: datetime, other: datetime) -> None:
    assert not (supersedes(one, other) and supersedes(other, one))
    assert not supersedes(one, one)
