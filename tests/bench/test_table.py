"""What a measurement says of its bar."""

import pytest

from bench.table import Row


@pytest.mark.parametrize(
    ("row", "is_met"),
    [
        (Row("a time", 5.0, "µs", at_most=5), True),
        (Row("a time", 5.01, "µs", at_most=5), False),
        (Row("a rate", 1.0, at_least=1), True),
        (Row("a rate", 0.99, at_least=1), False),
        (Row("for orientation", 7.0), None),
    ],
    ids=str,
)
def test_a_bar_is_met_up_to_the_bar_itself(row: Row, is_met: bool | None) -> None:
    assert row.is_met is is_met


@pytest.mark.parametrize(("number", "shown"), [(0.987, "0.99 s"), (12.34, "12.3 s"), (1234.5, "1,234 s")])
def test_a_number_is_shown_to_three_digits(number: float, shown: str) -> None:
    assert Row("a time", number, "s").value == shown
