"""What the gateway tells Prometheus: operations as they are answered, and the numbers of hub, store and pool at each scrape.

Labels are words of ours: APIs, kinds, transports, error codes, and the names of published operations. Nothing that a client
writes becomes a series.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from gateway.answers import GuestAnswers
from gateway.live.buckets import Buckets
from gateway.live.hub import Hub
from gateway.observed import Observed, log_operation
from gateway.shares import Shares
from schema.api import Api
from schema.operations.trust import Trust
from tenants.bus import Bus
from tenants.databases import Databases
from tenants.registry.directory import Registry

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
COSTS = (1, 10, 50, 100, 500, 1_000, 5_000, 20_000, 50_000)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a gateway that have numbers. ``apis`` is filled while the gateway is put together."""

    hub: Hub
    answers: GuestAnswers
    shares: Shares
    apis: Mapping[str, Api]
    databases: Databases
    bus: Bus
    registry: Registry


class Metrics:
    """The metrics of one gateway, with a registry of their own."""

    def __init__(self, parts: Parts) -> None:
        self._registry = CollectorRegistry()
        labels = ("api", "kind", "transport", "outcome")
        self._operations = Counter(
            "opscom_operations", "Operations answered, and subscriptions begun.", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "opscom_operation_seconds",
            "Time to answer an operation.",
            ("api", "kind"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._cost = Histogram(
            "opscom_operation_cost", "Static cost of operations.", ("api",), buckets=COSTS, registry=self._registry
        )
        self._published = Counter(
            "opscom_published_operations",
            "Operations of published documents, by their names.",
            ("api", "name"),
            registry=self._registry,
        )
        self._registry.register(_AtScrape(parts))
        ProcessCollector(registry=self._registry)

    def observe(self, observed: Observed) -> None:
        """Count an operation, and write its line of the log unless its answer was a kept one."""
        kind, api = observed.kind, observed.api
        self._operations.labels(api, kind, observed.transport.value, observed.outcome).inc()
        if observed.trust is Trust.PUBLISHED:
            self._published.labels(api, observed.name).inc()
        if observed.is_kept:
            return
        self._cost.labels(api).observe(observed.cost)
        if kind != "subscription":
            self._seconds.labels(api, kind).observe(observed.seconds)
        log_operation(observed)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _AtScrape(Collector):
    """Reads the plain numbers that the parts keep anyway."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @override
    def collect(self) -> Iterator[Metric]:
        yield from _live(self._parts.hub)
        yield from _stores(self._parts.apis)
        answers = self._parts.answers
        yield _gauge("opscom_guest_answers_kept", "Answers to guests that are kept now.", answers.count)
        kinds = {"kept": answers.hits, "shared": answers.shared, "run": answers.runs}
        yield _counters("opscom_guest_answers", "Answers to guests, by how they came about.", "source", kinds)
        refused = self._parts.shares.refused
        yield _counters(
            "opscom_shares_refused", "Operations refused since their site used up its share.", "code", refused
        )
        yield from _platform(self._parts)


def _live(hub: Hub) -> Iterator[Metric]:
    counters = hub.counters
    by_transport = Counted({"websocket": 0, "sse": 0}) + Counted(viewer.transport for viewer in hub.viewers)
    yield _gauge("opscom_live_feeds", "Feeds that are rendered now.", len(hub.feeds))
    viewers = GaugeMetricFamily("opscom_live_viewers", "Viewers now.", labels=["transport"])
    for transport in ("websocket", "sse"):
        viewers.add_metric([transport], by_transport[transport])
    yield viewers
    behind = sum(viewer.behind_since is not None for viewer in hub.viewers)
    yield _gauge("opscom_live_viewers_behind", "Viewers that do not keep up now.", behind)
    yield _gauge("opscom_live_handshakes_waiting", "Handshakes that wait for their turn now.", hub.door.waiting)
    for name, what, value in (
        ("executions", "Executions of feeds.", counters.executions),
        ("executions_unchanged", "Executions that gave the bytes of before.", counters.unchanged),
        ("executions_failed", "Executions that failed.", counters.failed),
        ("notes_conflated", "Notes that joined the execution of another.", counters.conflated),
        ("states_sent", "States sent to viewers.", counters.sent),
        ("sent_bytes", "Bytes of the states sent.", counters.sent_bytes),
        ("states_skipped", "States that a slow viewer was not sent.", counters.behind),
    ):
        yield CounterMetricFamily(f"opscom_live_{name}", what, value=value)
    yield _counters("opscom_live_refused", "Viewers and views refused, by what was full.", "full", counters.refused)
    yield _counters("opscom_live_viewers_ended", "Viewers that ended, by reason.", "reason", counters.ended)
    yield _histogram("opscom_live_render_seconds", "Time of an execution of a feed.", counters.render_seconds)
    yield _histogram(
        "opscom_live_commit_to_socket_seconds",
        "From a commit to its state being written to the last viewer of a feed.",
        counters.commit_to_socket_seconds,
    )


def _stores(apis: Mapping[str, Api]) -> Iterator[Metric]:
    kept = GaugeMetricFamily("opscom_documents_kept", "Documents kept, by trust.", labels=["api", "trust"])
    prepared = CounterMetricFamily("opscom_documents_prepared", "Documents prepared anew.", labels=["api"])
    hits = CounterMetricFamily("opscom_document_hits", "Documents found prepared.", labels=["api"])
    refused = CounterMetricFamily("opscom_documents_refused", "Documents refused.", labels=["api", "code"])
    for name, api in apis.items():
        store = api.operations
        for trust, count in store.kept.items():
            kept.add_metric([name, trust.value], count)
        prepared.add_metric([name], store.prepared)
        hits.add_metric([name], store.hits)
        for code, count in store.refused.items():
            refused.add_metric([name, code], count)
    yield from (kept, prepared, hits, refused)


def _platform(parts: Parts) -> Iterator[Metric]:
    yield from _pools(parts.databases.pool_use())
    yield _gauge("opscom_bus_connected", "Whether notes are heard.", int(parts.bus.is_connected))
    yield _gauge("opscom_registry_version", "The version of the registry that is in use.", parts.registry.version)
    yield _gauge("opscom_registry_environments", "Environments known.", len(parts.registry.current.by_id))


def _pools(pools: Mapping[str, tuple[int, int]]) -> Iterator[Metric]:
    name = "opscom_database_connections"
    in_use = GaugeMetricFamily(
        f"{name}_in_use", "Connections that clients' transactions hold now.", labels=["database"]
    )
    most = GaugeMetricFamily(f"{name}_most", "Connections that they may hold.", labels=["database"])
    for database, (held, size) in pools.items():
        in_use.add_metric([database], held)
        most.add_metric([database], size)
    yield from (in_use, most)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)


def _counters(name: str, what: str, label: str, values: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, what, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, what: str, buckets: Buckets) -> HistogramMetricFamily:
    """Prometheus wants counts up to each bound, and ``+Inf`` for all."""
    ends = [*(str(bound) for bound in buckets.bounds), "+Inf"]
    so_far, cumulated = 0, []
    for end, count in zip(ends, buckets.counts, strict=True):
        so_far += count
        cumulated.append((end, float(so_far)))
    return HistogramMetricFamily(name, what, buckets=cumulated, sum_value=buckets.total)
