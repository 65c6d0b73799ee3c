"""What may be entered for a lot group."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.groups.errors import LimitInvalid, MapColorInvalid, MapPointInvalid, NameInvalid
from domain.groups.rules import LARGEST_LIMIT, LONGEST_NAME, MapPoint, checked_limit, checked_map_color, checked_name


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_place_on_earth_is_a_map_point(latitude: float, longitude: float) -> None:
    assert MapPoint(latitude, longitude).latitude == latitude


@pytest.mark.parametrize(
    ("latitude", "longitude", "field"),
    [
        (90.001, 0, "latitude"),
        (-91, 0, "latitude"),
        (math.nan, 0, "latitude"),
        (0, 180.5, "longitude"),
        (0, -math.inf, "longitude"),
        (0, math.nan, "longitude"),
    ],
)
def test_what_is_not_on_earth_is_refused(latitude: float, longitude: float, field: str) -> None:
    with pytest.raises(MapPointInvalid) as refused:
        MapPoint(latitude, longitude)

    assert refused.value.field == field


def test_a_map_color_is_stored_in_small_letters() -> None:
    assert checked_map_color("#2E7D32") == "#2e7d32"


@pytest.mark.parametrize("color", ["", "2e7d32", "#2e7d3", "#2e7d322", "#2e7d3g", "red", "#2e7d32\n"])
def test_other_ways_to_write_a_color_are_refused(color: str) -> None:
    with pytest.raises(MapColorInvalid):
        checked_map_color(color)


def test_a_name_loses_the_blanks_around_it() -> None:
    assert checked_name("  North Garage ") == "North Garage"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\0b", "x" * (LONGEST_NAME + 1)])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(NameInvalid) as refused:
        checked_name(name, "short_name")

    assert refused.value.field == "short_name"


@pytest.mark.parametrize("limit", [None, 0, 1, LARGEST_LIMIT])
def test_a_limit_may_be_anything_sensible(limit: int | None) -> None:
    assert checked_limit(limit, "temporary_maximum") == limit


@pytest.mark.parametrize("limit", [-1, LARGEST_LIMIT + 1, 2**40])
def test_a_limit_that_no_lot_has_is_refused(limit: int) -> None:
    with pytest.raises(LimitInvalid):
        checked_limit(limit, "temporary_maximum")
