"""When tasks are due: even intervals, wall-clock times over both clock changes, missed times, further attempts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.ids import uuid7
from domain.tasks.catalogue import CATALOGUE, SystemTask
from domain.tasks.errors import RuleInvalid
from domain.tasks.rules import LONGEST, Cron, Every, Verdict, judge, next_run, parse_rule, retry_pause

TORONTO = ZoneInfo("America/Toronto")
SCHEDULE = UUID("0198a5c0-0000-7000-8000-000000000001")
SPRING = datetime(2026, 3, 8, tzinfo=TORONTO)  # 02:00 does not exist
AUTUMN = datetime(2026, 11, 1, tzinfo=TORONTO)  # 01:00 to 02:00 comes twice

moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(["America/Toronto", "America/St_Johns", "Australia/Lord_Howe", "Europe/London", "UTC"])
fields = st.tuples(st.integers(0, 59), st.integers(0, 23)).map(lambda at: f"{at[0]} {at[1]} * * *")


def due_times(rule: str, zone: ZoneInfo, since: datetime, until: datetime) -> list[datetime]:
    """Every time a rule is due between two moments, each found from the one before."""
    found = [next_run(parse_rule(rule), zone, SCHEDULE, since)]
    while found[-1] <= until:
        found.append(next_run(parse_rule(rule), zone, SCHEDULE, found[-1]))
    return found[:-1]


@pytest.mark.parametrize("task", CATALOGUE.values(), ids=lambda task: task.name)
def test_the_default_rule_of_every_task_can_be_read(task: SystemTask) -> None:
    assert isinstance(parse_rule(task.rule), Every | Cron)


@pytest.mark.parametrize(
    "text",
    [
        *("", "daily", "every", "every 0", "every -5", "every 1.5", "every \u0665", "every 999999999", "EVERY 5"),
        *("cron", "cron * * *", "cron * * * * * *", "cron 61 * * * *", "cron 0 0 31 2 *", "cron a b c d e"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(RuleInvalid):
        parse_rule(text)


@given(st.integers(1, LONGEST), moments, st.uuids())
def test_even_times_lie_exactly_one_interval_apart(seconds: int, after: datetime, schedule: UUID) -> None:
    first = next_run(Every(seconds), TORONTO, schedule, after)
    second = next_run(Every(seconds), TORONTO, schedule, first)

    assert after < first <= after + timedelta(seconds=seconds)
    assert second - first == timedelta(seconds=seconds)


@given(st.integers(1, LONGEST), moments, st.floats(0, 0.999))
def test_a_late_look_does_not_move_the_times(seconds: int, after: datetime, share: float) -> None:
    first = next_run(Every(seconds), TORONTO, SCHEDULE, after)
    late = first + timedelta(seconds=seconds) * share

    assert next_run(Every(seconds), TORONTO, SCHEDULE, late) == first + timedelta(seconds=seconds)


def test_the_polls_of_many_tenants_spread_over_the_interval() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    due = Counter(int((next_run(Every(300), TORONTO, uuid7(), now) - now).total_seconds()) // 30 for _ in range(2000))

    assert len(due) == 10
    assert max(due.values()) < 2 * min(due.values())


@given(fields, zones, moments)
def test_a_time_of_day_comes_once_a_day_whatever_the_clock_does(expression: str, zone: str, after: datetime) -> None:
    found = due_times(f"cron {expression}", ZoneInfo(zone), after, after + timedelta(days=40))

    days = [due.astimezone(ZoneInfo(zone)).date() for due in found]
    assert all(earlier < later for earlier, later in zip([after, *found], found, strict=False))
    assert len(set(days)) == len(days)
    assert (days[-1] - days[0]).days == len(days) - 1


@given(fields, zones, moments, st.uuids(), st.integers(1, 7200))
def test_in_a_window_too_a_time_comes_once_for_each_time_of_its_rule(
    expression: str, zone: str, after: datetime, schedule: UUID, seconds: int
) -> None:
    rule, spread = Cron(expression), timedelta(seconds=seconds)
    plain = due_times(f"cron {expression}", ZoneInfo(zone), after, after + timedelta(days=40))

    found = [next_run(rule, ZoneInfo(zone), schedule, moment, spread=spread) for moment in plain]

    places = {due - begin for due, begin in zip(found, plain, strict=True)}
    assert len(places) == 1
    assert timedelta(0) <= places.pop() < spread
    following = [next_run(rule, ZoneInfo(zone), schedule, due, spread=spread) for due in found]
    assert following[:-1] == found[1:]


def test_the_nightly_backups_of_many_tenants_spread_over_their_window() -> None:
    rule, spread, begin = Cron("0 2 * * *"), timedelta(hours=2), datetime(2026, 11, 23, 7, tzinfo=UTC)

    dues = [next_run(rule, TORONTO, uuid7(), begin, spread=spread) for _ in range(5000)]

    tenths = Counter((due - begin) // (spread / 10) for due in dues)
    assert sorted(tenths) == list(range(10))
    assert max(tenths.values()) < 2 * min(tenths.values())


@pytest.mark.parametrize("year", range(2024, 2034))
@pytest.mark.parametrize("expression", ["0 2 * * *", "30 2 * * *", "30 1 * * *", "59 1 * * *", "0 3 * * *"])
def test_both_days_of_clock_change_have_one_nightly_run(year: int, expression: str) -> None:
    begin, end = datetime(year, 1, 1, 12, tzinfo=TORONTO), datetime(year, 12, 31, 12, tzinfo=TORONTO)

    found = due_times(f"cron {expression}", TORONTO, begin, end)

    assert len({due.astimezone(TORONTO).date() for due in found}) == len(found) == (end.date() - begin.date()).days


def test_a_time_that_the_clock_leaves_out_comes_at_the_next_valid_minute() -> None:
    due = next_run(Cron("30 2 * * *"), TORONTO, SCHEDULE, SPRING)

    assert due == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)  # 03:00 in summer time


def test_a_time_that_comes_twice_runs_the_first_time_only() -> None:
    first = next_run(Cron("30 1 * * *"), TORONTO, SCHEDULE, AUTUMN)
    in_the_second_hour = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)

    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert next_run(Cron("30 1 * * *"), TORONTO, SCHEDULE, in_the_second_hour) == datetime(
        2026, 11, 2, 6, 30, tzinfo=UTC
    )


def test_a_poll_that_was_missed_is_made_up_for() -> None:
    due = datetime(2026, 11, 23, 12, tzinfo=UTC)

    assert judge(due, due + timedelta(days=3), None) is Verdict.RUN


def test_a_nightly_task_runs_late_within_its_window_and_is_missed_after_it() -> None:
    due, window = datetime(2026, 11, 23, 7, tzinfo=UTC), timedelta(hours=12)

    assert judge(due, due + window, window) is Verdict.RUN
    assert judge(due, due + window + timedelta(seconds=1), window) is Verdict.MISSED


@given(st.integers(1, LONGEST), st.integers(2, 8), st.floats(0, 1))
def test_the_pauses_of_a_run_stay_below_half_of_its_interval(seconds: int, attempts: int, share: float) -> None:
    pauses = [retry_pause(failures, f"every {seconds}", share) for failures in range(1, attempts)]

    assert all(pause >= timedelta(0) for pause in pauses)
    assert sum(pauses, timedelta(0)) <= timedelta(seconds=seconds) / 2


def test_pauses_grow_and_are_jittered_in_full() -> None:
    assert retry_pause(1, "every 600", 1.0) == timedelta(seconds=8)
    assert retry_pause(2, "every 600", 1.0) == timedelta(seconds=32)
    assert retry_pause(2, "every 600", 0.0) == timedelta(0)
    assert retry_pause(2, "every 600", 0.25) == timedelta(seconds=8)
