"""Vendors' values as ours: forgiving about form, strict about meaning, and never a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.occupancy.actions import Reading
from jobs.integrations.mistall.mapping import read_lots
from jobs.integrations.parking_logix.mapping import match, read_counts
from jobs.integrations.values import aware_time, short_text, whole_number

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
mistall_like = st.dictionaries(st.sampled_from(["id", "name", "capacity", "occupied", "updatedAt"]), anything)
logix_like = st.dictionaries(st.sampled_from(["location_name", "free_spaces", "date_time"]), anything)


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, 12), ("12", 12), (" 12 ", 12), ("-3", -3), (12.0, 12), (0, 0), (2**31 - 1, 2**31 - 1)],
)
def test_a_whole_number_is_read_in_every_form_that_was_seen(value: object, number: int) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "many",
        "1.5",
        1.5,
        "1e3",
        "--1",
        "-",
        "\u0661",
        2**31,
        "9" * 5000,
        [],
        {},
        float("inf"),
        float("nan"),
    ],
)
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize("value", [None, "", "   ", "x" * 201, "a\0b", "a\nb", "\ud800", True, 1.5, ["a"]])
def test_text_that_can_not_be_stored_is_none(value: object) -> None:
    assert short_text(value) is None


def test_a_name_is_kept_exactly_as_it_is_written() -> None:
    assert short_text(" Mountaineer Garage") == " Mountaineer Garage"
    assert short_text(17) == "17"


def test_a_time_is_read_with_its_offset_only() -> None:
    noon = datetime(2024, 5, 10, 14, 3, tzinfo=UTC)

    assert aware_time("2024-05-10T14:03:00Z") == noon
    assert aware_time("2024-05-10 10:03:00-04:00") == noon.astimezone(timezone(timedelta(hours=-4)))
    assert aware_time("2024-05-10T14:03:00") is None


@pytest.mark.parametrize("value", [None, 7, "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_of_another_century_or_none_at_all_is_none(value: object) -> None:
    assert aware_time(value) is None


def test_mistall_lots_are_read_raw_beyond_capacity_and_below_zero() -> None:
    mapped = read_lots(
        [
            {"id": "17", "name": "North Garage", "capacity": 450, "occupied": 461, "updatedAt": "2024-05-10T14:03:00Z"},
            {"id": 18, "capacity": "80", "occupied": -2},
        ]
    )

    assert mapped.unreadable == []
    assert mapped.readings == [
        Reading("17", "North Garage", 450, 461, observed_at=datetime(2024, 5, 10, 14, 3, tzinfo=UTC)),
        Reading("18", "18", 80, -2),
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("North Garage", "not an object"),
        ({"capacity": 5, "occupied": 1}, "id is missing"),
        ({"id": "1", "capacity": 5}, "occupied is no whole number"),
        ({"id": "1", "capacity": "many", "occupied": 1}, "capacity is no whole number from 0 on"),
        ({"id": "1", "capacity": -1, "occupied": 1}, "capacity is no whole number from 0 on"),
    ],
)
def test_an_unreadable_mistall_lot_is_named_by_its_place(entry: object, reason: str) -> None:
    mapped = read_lots([{"id": "1", "capacity": 5, "occupied": 1}, entry])

    assert len(mapped.readings) == 1
    assert [(bad.position, bad.reason) for bad in mapped.unreadable] == [(1, reason)]


def test_parking_logix_counts_are_read_as_text_and_as_numbers() -> None:
    mapped = read_counts(
        [
            {"location_name": "Mountaineer Garage", "free_spaces": "123", "date_time": "2024-05-10 14:03:00-04:00"},
            {"location_name": "Library Loop", "free_spaces": 7},
        ]
    )

    assert [(reading.external_id, reading.free, reading.capacity) for reading in mapped.readings] == [
        ("Mountaineer Garage", 123, None),
        ("Library Loop", 7, None),
    ]


def test_names_match_exactly_and_what_does_not_is_told() -> None:
    readings = [Reading(name, name, free=1) for name in ("Mountaineer Garage", "library loop", "Extra")]

    matched = match(readings, {"Mountaineer Garage", "Library Loop"})

    assert [reading.name for reading in matched.readings] == ["Mountaineer Garage"]
    assert matched.unmatched == ["Extra", "library loop"]
    assert matched.missing == ["Library Loop"]


@given(st.lists(anything | mistall_like, max_size=8))
def test_no_answer_of_mistall_breaks_the_mapping(entries: list[object]) -> None:
    mapped = read_lots(entries)

    assert len(mapped.readings) + len(mapped.unreadable) == len(entries)


@given(st.lists(anything | logix_like, max_size=8))
def test_no_answer_of_parking_logix_breaks_the_mapping(entries: list[object]) -> None:
    mapped = read_counts(entries)

    assert len(mapped.readings) + len(mapped.unreadable) == len(entries)
