"""Where pins stand on the drawing, and what is drawn around them."""

from itertools import combinations
from math import hypot

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pages.projection import BOTTOM, LEFT, NEAREST_X, NEAREST_Y, RIGHT, TOP, Point, blocks, project

CAMPUS = [(44.2372, -76.5036), (44.2301, -76.5012), (44.2338, -76.5108), (44.2404, -76.5121)]
DEGREES = st.tuples(st.floats(-80, 80), st.floats(-180, 180))


def test_north_is_up_and_east_is_right() -> None:
    south_west, north_east = project([(44.0, -76.0), (45.0, -75.0)])

    assert south_west.x < north_east.x
    assert south_west.y > north_east.y


def test_no_place_and_one_place_are_maps_too() -> None:
    assert project([]) == []
    assert project([(44.0, -76.0)]) == [Point((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)]


def test_pins_can_be_told_apart() -> None:
    points = project([*CAMPUS, (44.2372, -76.5036), (44.2373, -76.5036), (44.2300, -76.5011)])

    for one, other in combinations(points, 2):
        assert hypot((one.x - other.x) / NEAREST_X, (one.y - other.y) / NEAREST_Y) > 0.9


def test_a_campus_on_the_180th_meridian_stays_in_one_piece() -> None:
    here = project([(-16.5, 179.99), (-16.6, 180.0), (-16.55, -179.98)])
    elsewhere = project([(-16.5, 9.99), (-16.6, 10.0), (-16.55, 10.02)])

    assert _near(here, elsewhere)


@settings(deadline=None, max_examples=60)
@given(st.lists(DEGREES, max_size=45))
def test_every_pin_is_on_the_drawing(places: list[tuple[float, float]]) -> None:
    for point in project(places):
        assert LEFT - 0.01 <= point.x <= RIGHT + 0.01
        assert TOP - 0.01 <= point.y <= BOTTOM + 0.01


def test_the_same_points_have_the_same_town_and_streets_lead_past_them() -> None:
    points = project(CAMPUS)

    assert blocks(points) == blocks(points)
    for point in points:
        assert not any(_is_inside(point, block.x, block.width) for block in blocks([point]))


def _is_inside(point: Point, start: float, length: float) -> bool:
    return start < point.x < start + length


def _near(ones: list[Point], others: list[Point]) -> bool:
    pairs = zip(ones, others, strict=True)
    return all(abs(one.x - other.x) < 0.1 and abs(one.y - other.y) < 0.1 for one, other in pairs)
