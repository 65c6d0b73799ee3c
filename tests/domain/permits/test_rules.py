"""Plates, times, and how many permits hold at once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.permits.errors import PermitTimesInvalid, PlateInvalid
from domain.permits.rules import LONGEST_PLATE, checked_times, most_at_once, normalise_plate

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PLATES = st.text(st.characters(categories=("L", "N", "P", "Z", "M")), max_size=LONGEST_PLATE)
HOURS = st.tuples(st.integers(0, 20), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("ABC 123", "ABC123"),
        ("abc-123", "ABC123"),
        (" a.b.c·123 ", "ABC123"),
        ("\uff21\uff22\uff23\uff11", "ABC1"),  # written in full width
        ("qu\u00e9bec1", "QUEBEC1"),
        ("O0", "O0"),
        ("ABC\u00a0123\n", "ABC123"),  # pasted
        ("\u0420\u0423\u0421 77", "\u0420\u0423\u042177"),
    ],
)
def test_plates_are_compared_by_letters_and_digits(typed: str, normalised: str) -> None:
    assert normalise_plate(typed) == normalised


@given(PLATES)
def test_a_normalised_plate_stays_as_it_is(typed: str) -> None:
    try:
        once = normalise_plate(typed)
    except PlateInvalid:
        return

    assert normalise_plate(once[:LONGEST_PLATE]) == once[:LONGEST_PLATE]


@given(st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=1, max_size=10), st.data())
def test_case_and_separators_do_not_matter(plate: str, data: st.DataObject) -> None:
    typed = "".join(
        data.draw(st.sampled_from(["", " ", "-", "."])) + data.draw(st.sampled_from([letter, letter.lower()]))
        for letter in plate
    )

    assert normalise_plate(typed) == plate


@pytest.mark.parametrize("typed", ["", "   ", "-.-", "\u0301", "A" * 51, "A\0B", "A\nB"])
def test_a_plate_without_letters_too_long_or_with_control_characters_is_refused(typed: str) -> None:
    with pytest.raises(PlateInvalid) as refused:
        normalise_plate(typed)

    assert refused.value.field == "plate"


def test_a_permit_ends_after_it_starts() -> None:
    checked_times(START, START + timedelta(microseconds=1))
    with pytest.raises(PermitTimesInvalid):
        checked_times(START, START)


def test_times_without_an_offset_are_refused() -> None:
    with pytest.raises(PermitTimesInvalid):
        checked_times(START.replace(tzinfo=None), START.replace(tzinfo=None) + timedelta(hours=1))


@given(st.lists(HOURS, max_size=12))
def test_most_at_once_is_what_counting_each_hour_finds(hours: list[tuple[int, int]]) -> None:
    times = [(START + timedelta(hours=first), START + timedelta(hours=last)) for first, last in hours]
    by_counting = max((sum(first <= hour < last for first, last in hours) for hour in range(30)), default=0)

    assert most_at_once(times) == by_counting
