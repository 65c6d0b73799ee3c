"""When a zone holds for a lot."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.ids import uuid7
from domain.zones.errors import ValidityInvalid
from domain.zones.rules import ALL_WEEK, END_OF_DAY, ByDates, ByDays, Validity, zones_holding

TORONTO = ZoneInfo("America/Toronto")
ZONES = st.sampled_from([TORONTO, ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Auckland")])
MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - hypothesis takes naive bounds
MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
WEEKDAYS = st.frozensets(st.integers(1, 7), min_size=1)
MONDAY_NOON = datetime(2026, 5, 4, 12, 0, tzinfo=TORONTO)


def holds(validity: ByDays | ByDates, at: datetime, time_zone: ZoneInfo = TORONTO) -> bool:
    zone = UUID(int=1)
    return zone in zones_holding([(zone, validity)], at, time_zone)


@given(MOMENTS, ZONES)
def test_the_default_holds_always(at: datetime, time_zone: ZoneInfo) -> None:
    assert holds(ByDays(), at, time_zone)


@given(MOMENTS, ZONES, WEEKDAYS)
def test_a_moment_belongs_to_the_weekday_it_has_at_the_place(
    at: datetime, time_zone: ZoneInfo, weekdays: frozenset[int]
) -> None:
    expected = at.astimezone(time_zone).isoweekday() in weekdays

    assert holds(ByDays(weekdays), at, time_zone) is expected


@given(MOMENTS, ZONES, MINUTES.filter(lambda moment: time(0) < moment < END_OF_DAY))
def test_a_day_cut_in_two_has_each_moment_in_one_half(at: datetime, time_zone: ZoneInfo, cut: time) -> None:
    before, after = ByDays(ALL_WEEK, time(0), cut), ByDays(ALL_WEEK, cut, END_OF_DAY)

    assert holds(before, at, time_zone) != holds(after, at, time_zone)


@pytest.mark.parametrize(
    ("hour", "minute", "second", "expected"),
    [(8, 59, 59, False), (9, 0, 0, True), (16, 59, 59, True), (17, 0, 0, False)],
)
def test_the_start_belongs_to_it_and_the_end_does_not(hour: int, minute: int, second: int, expected: bool) -> None:
    at = MONDAY_NOON.replace(hour=hour, minute=minute, second=second)

    assert holds(ByDays(ALL_WEEK, time(9), time(17)), at) is expected


def test_the_last_minute_of_the_day_belongs_to_it() -> None:
    at = MONDAY_NOON.replace(hour=23, minute=59, second=59, microsecond=999_999)

    assert holds(ByDays(frozenset({1})), at)
    assert not holds(ByDays(frozenset({1})), at + timedelta(microseconds=1))


@given(MOMENTS, ZONES, st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 400))
def test_dates_hold_from_the_first_day_to_the_last(at: datetime, time_zone: ZoneInfo, first: date, length: int) -> None:
    last = first + timedelta(days=length)

    assert holds(ByDates(first, last), at, time_zone) is (first <= at.astimezone(time_zone).date() <= last)


def test_a_zone_with_several_links_holds_when_one_of_them_does() -> None:
    north, south = uuid7(), uuid7()
    links: list[tuple[UUID, Validity]] = [
        (north, ByDays(frozenset({6, 7}))),
        (north, ByDates(date(2026, 5, 4), date(2026, 5, 4))),
    ]

    assert zones_holding([*links, (south, ByDays(frozenset({7})))], MONDAY_NOON, TORONTO) == {north}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ByDays(frozenset()),
        lambda: ByDays(frozenset({0})),
        lambda: ByDays(frozenset({8})),
        lambda: ByDays(ALL_WEEK, time(9), time(9)),
        lambda: ByDays(ALL_WEEK, time(18), time(6)),
        lambda: ByDays(ALL_WEEK, time(9, 0, 30), time(10)),
        lambda: ByDays(ALL_WEEK, time(9, tzinfo=UTC), time(10, tzinfo=UTC)),
        lambda: ByDates(date(2026, 5, 4), date(2026, 5, 3)),
    ],
)
def test_what_would_never_hold_is_refused(wrong: type[ByDays]) -> None:
    with pytest.raises(ValidityInvalid):
        wrong()
