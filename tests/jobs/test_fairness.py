"""Which waiting runs are sent: every environment gets its turn, and no cap is passed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.ids import uuid7
from domain.tasks.catalogue import Queue
from jobs.fairness import Caps, InFlight, Waiting, choose, queue_of
from tests.fixtures.jobs import task_called

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CATALOGUE = {
    "poll": task_called("poll"),
    "import": task_called("import", queue=Queue.BULK),
    "shared": task_called("shared", target="vendor.example"),
}
CAPS = Caps(per_environment=dict.fromkeys(Queue, 3), per_target=5, per_queue=12)

environments = st.sampled_from([f"env_{number}" for number in range(6)])
tasks = st.sampled_from([*CATALOGUE, "unknown"])
triggers = st.sampled_from(["button", "schedule", "event"])
waiting_runs = st.lists(
    st.builds(
        Waiting,
        run_id=st.builds(uuid7),
        environment=environments,
        task=tasks,
        trigger=triggers,
        not_before=st.integers(0, 3600).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    ),
    max_size=60,
)
flying_runs = st.lists(
    st.builds(InFlight, environment=environments, task=tasks, trigger=triggers, count=st.integers(1, 2)), max_size=10
)


def waiting(
    environment: str, count: int = 1, task: str = "poll", trigger: str = "schedule", since: int = 0
) -> list[Waiting]:
    """Runs of one environment that wait since so many seconds after noon."""
    return [
        Waiting(uuid7(), environment, task, trigger, NOON + timedelta(seconds=since + number))
        for number in range(count)
    ]


@given(waiting_runs, flying_runs)
def test_no_cap_is_passed_and_no_place_is_left_free_while_somebody_waits(
    runs: list[Waiting], flying: list[InFlight]
) -> None:
    chosen = {run.run_id: run.queue for run in choose(runs, flying, CATALOGUE, CAPS)}

    of_environment: Counter[tuple[str, Queue]] = Counter()
    of_queue: Counter[Queue] = Counter()
    of_target: Counter[str | None] = Counter()
    before: Counter[tuple[str, Queue]] = Counter()
    left = []
    for flier in flying:
        queue = queue_of(CATALOGUE.get(flier.task), flier.trigger)
        before[flier.environment, queue] += flier.count
        of_queue[queue] += flier.count
        of_target[flier.task if flier.task == "shared" else None] += flier.count
    for run in runs:
        if run.run_id not in chosen:
            left.append(run)
            continue
        of_environment[run.environment, chosen[run.run_id]] += 1
        of_queue[chosen[run.run_id]] += 1
        of_target[run.task if run.task == "shared" else None] += 1
    assert all(count + before[place] <= 3 for place, count in of_environment.items())
    for run in left:
        queue = queue_of(CATALOGUE.get(run.task), run.trigger)
        is_full = of_environment[run.environment, queue] + before[run.environment, queue] >= 3 or of_queue[queue] >= 12
        assert is_full or (run.task == "shared" and of_target["shared"] >= 5)


def test_one_run_of_each_goes_before_the_second_of_any() -> None:
    runs = waiting("busy", 3) + waiting("late", since=900) + waiting("later", since=1800)

    chosen = [run.run_id for run in choose(runs, [], CATALOGUE, CAPS)]

    assert chosen[:3] == [runs[0].run_id, runs[3].run_id, runs[4].run_id]


def test_what_is_in_flight_counts_as_turns_already_taken() -> None:
    runs = waiting("busy", 1) + waiting("quiet", since=900)

    chosen = choose(runs, [InFlight("busy", "poll", "schedule", 2)], CATALOGUE, Caps(per_queue=3))

    assert [run.run_id for run in chosen] == [runs[1].run_id]


def test_ten_thousand_runs_of_one_environment_keep_nobody_out() -> None:
    runs = waiting("busy", 10_000) + [run for number in range(50) for run in waiting(f"quiet_{number}", since=20_000)]

    chosen = {run.run_id for run in choose(runs, [], CATALOGUE, Caps())}

    assert {run.run_id for run in runs[10_000:]} <= chosen
    assert len(chosen) == 50 + 4


def test_a_pressed_run_waits_behind_no_bulk() -> None:
    busy = [InFlight("busy", "import", "event", 3)]
    (pressed,) = waiting("busy", task="import", trigger="button")

    (chosen,) = choose([pressed, *waiting("busy", task="import", trigger="event")], busy, CATALOGUE, CAPS)

    assert (chosen.run_id, chosen.queue) == (pressed.run_id, Queue.INTERACTIVE)


def test_a_shared_target_is_called_by_all_tenants_together_so_often_only() -> None:
    runs = [run for number in range(9) for run in waiting(f"env_{number}", task="shared")]

    assert len(choose(runs, [InFlight("else", "shared", "schedule", 2)], CATALOGUE, CAPS)) == 3


def test_a_plan_caps_the_runs_of_an_environment_over_all_queues_but_the_one_where_somebody_waits() -> None:
    caps = Caps(runs_of=lambda environment: 3 if environment == "small" else 100)
    runs = [
        *waiting("small", 4),
        *waiting("small", 2, "import"),
        *waiting("small", 1, trigger="button"),
        *waiting("large", 4),
        *waiting("large", 2, "import"),
    ]
    flying = [InFlight("small", "poll", "schedule", 1)]

    chosen = {run.run_id for run in choose(runs, flying, CATALOGUE, caps)}

    sent = Counter((run.environment, run.trigger) for run in runs if run.run_id in chosen)
    assert sent == {("small", "schedule"): 2, ("small", "button"): 1, ("large", "schedule"): 6}
