"""Enums of the domain in GraphQL have one description each."""

from enum import Enum

import pytest

from schema.descriptions import DescribedTwice, described


class Colour(Enum):
    """An enum of no layer."""

    RED = "red"


def test_an_enum_that_is_described_twice_stops_the_start() -> None:
    """Which of the two words clients read depended on what was imported first."""
    described(Colour, "A colour.", {Colour.RED: "Like blood."})

    with pytest.raises(DescribedTwice, match="Colour"):
        described(Colour, "A hue.", {Colour.RED: "Like roses."})
