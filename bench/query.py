"""query: the map query over HTTP (20 groups of 9 fields), one core for the server, 16 connections from the other."""

from __future__ import annotations

import http.client
import json
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack

from bench.campus import MAP_QUERY, campus
from bench.lab import Lab
from bench.load import Load, Pace, pace
from bench.serving import Server, gateway, peer
from bench.table import Row

ROUNDS = 5
PEERS = {
    "stock": "stock Strawberry with its caches",
    "handwritten": "hand-written Starlette, same SQL",
    "constant": "bare ASGI, constant bytes",
}


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """All servers at once, loaded in turn for some rounds; the median of each."""
    environment = await campus(lab.platform, "query")
    load = Load([environment.primary_host], "/graphql", json.dumps({"query": MAP_QUERY}))
    paces: dict[str, list[Pace]] = defaultdict(list)
    with ExitStack() as stack:
        servers = [stack.enter_context(gateway(lab))]
        servers += [stack.enter_context(peer(lab, name, environment.tenant.slug)) for name in PEERS]
        _compare([_answer(server, load) for server in servers])
        for _ in range(ROUNDS):
            for server in servers:
                paces[server.name].append(pace(server, load))
    rates = {name: statistics.median(found.per_second for found in those) for name, those in paces.items()}
    for name, rate in rates.items():
        yield Row(PEERS.get(name, name), rate, "a second")
        yield Row("  processor time of the server", statistics.median(p.cpu_us for p in paces[name]), "µs an answer")
    ours = rates["opscom gateway"]
    yield Row("gateway / stock Strawberry", ours / rates["stock"], at_least=1)
    yield Row("gateway / hand-written Starlette", ours / rates["handwritten"])
    yield Row("gateway / constant bytes", ours / rates["constant"])


def _answer(server: Server, load: Load) -> object:
    asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        sent = {"Host": load.hosts[0], "Content-Type": "application/json"}
        asking.request("POST", load.path, load.body, sent)
        answered: object = json.loads(asking.getresponse().read())
        return answered
    finally:
        asking.close()


def _compare(answers: list[object]) -> None:
    """Raise RuntimeError unless all servers answer the same: else they would not do the same work."""
    if any(answer != answers[0] for answer in answers):
        msg = f"different answers: {answers}"
        raise RuntimeError(msg)
