"""hosts: from the bytes of a Host header to the environment, with 10,000 tenants in memory."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable
from uuid import UUID

from bench.table import Row
from tenants.environments import Environment, EnvironmentKind, RegistryMap, State, Tenant
from tenants.hostnames import normalise_host

TENANTS = 10_000
LOOKUPS = 40_000
ROUNDS = 5


def measure() -> Iterable[Row]:
    """Look up random hosts, in memory, as the gateway does for each request; the median of some rounds."""
    known = RegistryMap.of(1, [_environment(number) for number in range(TENANTS)], {})
    headers = [f"Tenant-{random.randrange(TENANTS)}.ops-com.com:443".encode() for _ in range(1_000)]  # noqa: S311
    each_us = statistics.median(_each_us(known, headers) for _ in range(ROUNDS))
    yield Row("host → environment, hot, 10,000 tenants", each_us, "µs", at_most=5)


def _each_us(known: RegistryMap, headers: list[bytes]) -> float:
    started = time.perf_counter()
    for number in range(LOOKUPS):
        known.by_host[normalise_host(headers[number % 1_000])]
    return (time.perf_counter() - started) / LOOKUPS * 1e6


def _environment(number: int) -> Environment:
    name = f"tenant-{number}"
    tenant = Tenant(UUID(int=number), number, name, name)
    host = f"{name}.ops-com.com"
    return Environment(
        UUID(int=number),
        tenant,
        EnvironmentKind.PRODUCTION,
        State.ACTIVE,
        "main",
        f"s_{number:06d}",
        f"e_{number}",
        "0001",
        "America/Toronto",
        host,
        frozenset({host}),
    )
