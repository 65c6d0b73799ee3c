"""switching: the map query over HTTP on a random tenant each time, beside always the same (16 connections, logged in)."""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncIterator

from bench.campus import MAP_QUERY, campus
from bench.lab import Lab
from bench.load import Load, Pace, pace
from bench.logins import USER, logged_in
from bench.serving import gateway
from bench.table import Row
from opscom.accounts import create_administrator

TENANTS = 50
ROUNDS = 6
WARM_UPS = 3


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Rounds of both in turn through one gateway; the median of each."""
    environments = [await campus(lab.platform, f"switch-{number}") for number in range(TENANTS)]
    passwords = [await create_administrator(lab.platform, environment, USER) for environment in environments]
    hosts, body = [environment.primary_host for environment in environments], json.dumps({"query": MAP_QUERY})
    same: list[Pace] = []
    switching: list[Pace] = []
    with gateway(lab) as server:
        cookies = [logged_in(server, host, password) for host, password in zip(hosts, passwords, strict=True)]
        one, many = (Load(hosts[:n], "/graphql", body, cookies[:n]) for n in (1, TENANTS))
        for _ in range(WARM_UPS):  # until every connection has met every tenant
            pace(server, many)
        for _ in range(ROUNDS):
            same.append(pace(server, one))
            switching.append(pace(server, many))
    fast, slow = (statistics.median(found.per_second for found in paces) for paces in (same, switching))
    yield Row("map query, always one tenant", fast, "a second")
    yield Row(f"map query, a random one of {TENANTS} tenants", slow, "a second")
    yield Row("switching tenants on every request, time against one tenant", fast / slow, at_most=1.25)
