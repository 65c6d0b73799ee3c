"""Numbers, times and schedules in words."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.kernel.ledger import RunState
from domain.occupancy.rules import OccupancySource
from domain.tasks.catalogue import CATALOGUE
from gateway.pages import wording
from gateway.pages.tasks import STATES, in_words, lasting, tasks_of

TORONTO = ZoneInfo("America/Toronto")
SEEN = "2026-05-04T12:00:00.000Z"


@pytest.mark.parametrize(
    ("percent", "words", "ring"),
    [(None, "not known", "\N{EN DASH}"), (0, "0 % full", "0%"), (99, "99 % full", "99%"), (100, "full", "full")],
)
def test_how_full_a_place_is(percent: int | None, words: str, ring: str) -> None:
    assert (wording.full(percent), wording.ring(percent)) == (words, ring)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3, 5, 2), "3 of 5 taken"),
        ((3, None, None), "3 taken"),
        ((None, None, 2), "2 free"),
        ((None, None, None), "not known"),
    ],
)
def test_numbers_are_told_as_far_as_they_are_known(numbers: tuple[int | None, ...], words: str) -> None:
    assert wording.taken(*numbers) == words


def test_a_time_is_the_sites_own() -> None:
    assert wording.note("MISTALL", SEEN, TORONTO, is_stale=False) == "Counted by cameras at 08:00"
    assert wording.note("MISTALL", SEEN, TORONTO, is_stale=True) == "No news since 08:00"
    assert wording.note("PERMITS", None, TORONTO, is_stale=False) == "Counted by permits"


@pytest.mark.parametrize(("percent", "words"), [(None, "none offered"), (0, "sold out"), (40, "40 % left")])
def test_what_is_left_of_a_lot(percent: int | None, words: str) -> None:
    assert wording.left(percent) == words


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("West Lot", ["West Lot"]),
        ("Mountaineer Garage", ["Mountaineer", "Garage"]),
        ("Lot behind the old Library Building", ["Lot behind the", "old Library …"]),
        ("Donaudampfschifffahrtsgesellschaft", ["Donaudampfschifff…"]),
    ],
)
def test_a_name_below_a_pin_has_at_most_two_short_lines(name: str, lines: list[str]) -> None:
    assert wording.name_lines(name) == lines


def test_every_source_and_state_that_the_api_knows_has_words() -> None:
    assert set(wording.SOURCES) == {source.name for source in OccupancySource}
    assert set(STATES) == {state.name for state in RunState}
    assert set(wording.SOURCES) < set(wording.page_words())


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("every 600", "every 10 minutes"),
        ("every 3600", "every hour"),
        ("every 90", "every 90 seconds"),
        ("every 172800", "every 2 days"),
        ("cron 20 3 * * *", "daily at 03:20"),
        ("cron 0 4 * * 1", "cron 0 4 * * 1"),
        ("every 0", "every 0"),
    ],
)
def test_a_schedule_in_words(rule: str, words: str) -> None:
    assert in_words(rule) == words


def test_every_default_schedule_has_words() -> None:
    assert [task.rule for task in CATALOGUE.values() if in_words(task.rule) == task.rule] == []


@pytest.mark.parametrize(("seconds", "words"), [(0.0237, "24 ms"), (1.26, "1.3 s"), (75, "75.0 s")])
def test_how_long_a_run_took(seconds: float, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


def test_a_failed_run_says_why_and_what_it_had_done() -> None:
    run = _run(
        state="FAILED",
        errorMessage="The vendor answered 500.",
        counters=[{"name": "read", "count": 0}, {"name": "failed", "count": 1}],
    )

    (task,) = tasks_of([_task(run)], TORONTO)

    assert (task.state_words, task.result) == ("failed", "at 08:00, took 2.0 s, 1 failed, The vendor answered 500.")


def test_a_run_that_goes_on_says_since_when() -> None:
    (task,) = tasks_of([_task(_run(state="RUNNING", finishedAt=None))], TORONTO)

    assert (task.state_words, task.result) == ("running", "since 08:00")


def test_a_task_that_is_off_is_not_due() -> None:
    (task,) = tasks_of([_task(None) | {"enabled": False}], TORONTO)

    assert (task.due, task.state_words, task.result) == ("off", "never ran", "")


def _task(run: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": "update_mistall",
        "title": "Update Mistall",
        "description": "Fetches.",
        "enabled": True,
        "rule": "every 600",
        "nextRunAt": SEEN,
        "lastRun": run,
    }


def _run(**facts: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a run
    given = {"id": "1", "state": "SUCCEEDED", "createdAt": SEEN, "startedAt": SEEN, "errorMessage": None}
    return given | {"finishedAt": "2026-05-04T12:00:02.000Z", "counters": []} | facts
