"""Scalars: one form each, and nothing that means two things."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import read_day, read_hours, read_moment, write_hours, write_moment

OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS, min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_a_moment_is_answered_in_utc_to_the_millisecond(moment: datetime) -> None:
    written = write_moment(moment)

    assert written.endswith("Z")
    assert timedelta(0) <= moment - read_moment(written) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text", ["2026-05-04T08:00:00-04:00", "2026-05-04T12:00Z", "2026-05-04T12:00:00.000000Z", "2026-05-04T17:30+05:30"]
)
def test_a_moment_may_have_any_offset(text: str) -> None:
    assert read_moment(text) == datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-05-04T12:00:00",
        "2026-05-04",
        "20260504T120000Z",
        "2026-W19-1T12:00Z",
        "2026-05-04 12:00:00Z",
        "\u0662",
    ],
)
def test_a_moment_without_an_offset_or_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="offset"):
        read_moment(text)


@given(st.times())
def test_hours_are_read_as_they_were_written(moment: time) -> None:
    assert read_hours(write_hours(moment)) == moment.replace(second=0, microsecond=0)


@pytest.mark.parametrize("text", ["", "9:00", "24:00", "09:60", "09:00:00", "09:00Z", "0900"])
def test_other_forms_of_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_hours(text)


@pytest.mark.parametrize("text", ["", "2026-02-30", "2026-5-4", "20260504", "2026-05-04T00:00:00Z"])
def test_other_forms_of_a_day_are_refused(text: str) -> None:
    assert read_day("2026-05-04") == date(2026, 5, 4)
    with pytest.raises(ValueError, match=r".+"):
        read_day(text)
