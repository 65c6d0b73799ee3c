"""query: the map query over HTTP (20 groups of 9 fields), one core for the server, 16 connections from the other."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack

from bench.campus import GROUPS, MAP_QUERY, campus
from bench.lab import Lab
from bench.load import Load, Pace, pace
from bench.logins import USER, logged_in, post
from bench.peers import nodes
from bench.serving import Server, gateway, peer
from bench.table import Row
from opscom.accounts import create_administrator

ROUNDS = 5
GATEWAY = "opscom gateway, a logged-in user"
KEPT = "opscom gateway, a guest's answer that is kept"
PEERS = {
    "stock": "stock Strawberry with its caches",
    "handwritten": "hand-written Starlette, same SQL",
    "constant": "bare ASGI, constant bytes",
}
NODE_PEERS = {"yoga": "graphql-yoga on Node 24, same SQL", "postgraphile": "PostGraphile 5 on Node 24, SQL of its own"}
ROWS_OF_POSTGRAPHILE = (
    "{ allLotGroups { nodes { id name mapColor latitude longitude"
    " sensorLotByMistallLotId { capacity occupied observedAt isVanished } } } }"
)


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """All servers at once, loaded in turn for some rounds; the median of each."""
    environment = await campus(lab.platform, "query")
    await lab.platform.registry.load()
    names = PEERS | (NODE_PEERS if nodes.are_here() else {})
    if not nodes.are_here():
        print("no peers on Node: `make bench-peers` needs npm")
    host, body = environment.primary_host, json.dumps({"query": MAP_QUERY})
    password = await create_administrator(lab.platform, environment, USER)
    loads = defaultdict(lambda: Load([host], "/graphql", body))
    loads["postgraphile"] = Load([host], "/graphql", json.dumps({"query": ROWS_OF_POSTGRAPHILE}))
    paces: dict[str, list[Pace]] = defaultdict(list)
    with ExitStack() as stack:
        ours = stack.enter_context(gateway(lab))
        servers = {GATEWAY: ours, KEPT: ours}
        loads[GATEWAY] = Load([host], "/graphql", body, cookies=[logged_in(ours, host, password)])
        servers |= {name: stack.enter_context(peer(lab, name, environment.tenant.slug)) for name in names}
        _compare({name: _answer(server, loads[name]) for name, server in servers.items()})
        for _ in range(ROUNDS):
            for name, server in servers.items():
                paces[name].append(pace(server, loads[name]))
    rates = {name: statistics.median(found.per_second for found in those) for name, those in paces.items()}
    for name, rate in rates.items():
        yield Row((PEERS | NODE_PEERS).get(name, name), rate, "a second")
        yield Row("  processor time of the server", statistics.median(p.cpu_us for p in paces[name]), "µs an answer")
    yield Row("gateway / stock Strawberry", rates[GATEWAY] / rates["stock"], at_least=4)
    yield Row("gateway / hand-written Starlette", rates[GATEWAY] / rates["handwritten"], at_least=0.8)
    for name, words in NODE_PEERS.items():
        if name in rates:
            yield Row(f"gateway / {words}", rates[GATEWAY] / rates[name], at_least=1.5)
    yield Row("kept answer / constant bytes", rates[KEPT] / rates["constant"], at_least=0.7)


def _answer(server: Server, load: Load) -> object:
    return post(server, load)[0]


def _compare(answers: dict[str, object]) -> None:
    """Raise RuntimeError unless all servers answer the same: else they would not do the same work.

    PostGraphile has words of its own; it must answer with as many rows.
    """
    planned = answers.pop("postgraphile", None)
    if any(answer != answers[GATEWAY] for answer in answers.values()):
        msg = f"different answers: {answers}"
        raise RuntimeError(msg)
    if planned is not None and str(planned).count("'mapColor'") != GROUPS:
        msg = f"not {GROUPS} groups: {planned}"
        raise RuntimeError(msg)
