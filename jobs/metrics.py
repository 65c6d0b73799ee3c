"""What workers and dispatchers tell Prometheus: a worker its runs as they end, a dispatcher at each scrape what the ledgers hold.

Labels are words of ours: tasks, queues, states, outcomes and cells. Nothing of a tenant becomes a series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from typing_extensions import override

from domain.kernel.ledger import UNFINISHED, RunState
from domain.tasks.catalogue import Queue
from jobs.asking import Asked
from jobs.fairness import queue_of
from tenants.registry.placing import MAIN_CELL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

    from jobs.claims import Ending
    from jobs.health import Looks
    from jobs.ledger import Ledger
    from jobs.planning import Catalogue

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200)
# Two parts, so that each goes by an index of its own.
_UNFINISHED = text("""
    select task, trigger, 'queued' as state, count(*) as number,
        extract(epoch from clock_timestamp() - min(not_before))::float8 as due_for
    from platform.task_run where state = 'queued' group by task, trigger
    union all
    select task, trigger, 'running', count(*), 0 from platform.task_run where state = 'running' group by task, trigger
""")


class RunMetrics:
    """The metrics of one worker, with a registry of their own. ``attempts`` are those that it carries out now."""

    def __init__(self, attempts: Sized) -> None:
        self._registry = CollectorRegistry()
        labels = ("task", "outcome")
        self._seconds = Histogram(
            "opscom_run_seconds", "Time of an attempt at a run.", labels, buckets=SECONDS, registry=self._registry
        )
        in_hand = Gauge("opscom_runs_in_hand", "Runs that this worker carries out now.", registry=self._registry)
        in_hand.set_function(lambda: len(attempts))
        ProcessCollector(registry=self._registry)

    def ended(self, task: str, ending: Ending | None, seconds: float) -> None:
        """An attempt has ended."""
        self._seconds.labels(task, _outcome(ending)).observe(seconds)

    async def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


def _outcome(ending: Ending | None) -> str:
    if ending is None:
        return "lost"
    if ending.state is not RunState.QUEUED:
        return ending.state.value
    return "retried" if ending.is_attempt else "given_back"


class LedgerMetrics(Collector):
    """The metrics of one dispatcher, with a registry of their own: every dispatcher tells the same of the ledgers."""

    def __init__(self, ledgers: Callable[[], list[Ledger]], looks: Looks, catalogue: Catalogue) -> None:
        self._asked = Asked(ledgers, _unfinished)
        self._looks = looks
        self._catalogue = catalogue
        self._answers: Mapping[str, Sequence[Row[tuple[object, ...]]] | None] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    async def text(self) -> bytes:
        """Ask the ledgers, and tell everything in Prometheus' text format. Of a ledger that is away nothing else is told."""
        self._answers = await self._asked.answers()
        return generate_latest(self._registry)

    @override
    def collect(self) -> Iterator[Metric]:
        answered = GaugeMetricFamily("opscom_ledger_answered", "Whether a ledger could be asked.", labels=["ledger"])
        looked = GaugeMetricFamily(
            "opscom_dispatcher_last_look_timestamp_seconds",
            "When this dispatcher last looked at a ledger and found it there.",
            labels=["ledger"],
        )
        labels = ["ledger", "queue"]
        runs = GaugeMetricFamily("opscom_runs", "Runs that are not over.", labels=[*labels, "state"])
        oldest = GaugeMetricFamily("opscom_runs_oldest_due_seconds", "How long the oldest has been due.", labels=labels)
        for name, rows in self._answers.items():
            label = name or MAIN_CELL
            answered.add_metric([label], rows is not None)
            if name in self._looks.reached:
                looked.add_metric([label], self._looks.reached[name].timestamp())
            if rows is not None:
                self._add(label, rows, runs, oldest)
        yield from (answered, looked, runs, oldest)

    def _add(
        self,
        ledger: str,
        rows: Sequence[Row[tuple[object, ...]]],
        runs: GaugeMetricFamily,
        oldest: GaugeMetricFamily,
    ) -> None:
        number, due_for = Counter[tuple[Queue, str]](), dict.fromkeys(Queue, 0.0)
        for row in rows:
            queue = queue_of(self._catalogue.get(row.task), row.trigger)
            number[queue, row.state] += row.number
            due_for[queue] = max(due_for[queue], row.due_for)
        for queue in Queue:
            oldest.add_metric([ledger, queue.value], due_for[queue])
            for state in UNFINISHED:
                runs.add_metric([ledger, queue.value, state.value], number[queue, state.value])


async def _unfinished(ledger: Ledger) -> Sequence[Row[tuple[object, ...]]]:
    async with ledger.transaction() as connection:
        return (await connection.execute(_UNFINISHED)).all()
