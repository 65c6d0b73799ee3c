"""provisioning: from the order of a tenant to its answering site, a thousand times in one cell, beside its bare DDL."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.fleet import add_tenant
from tenants.environments import Environment
from tenants.provisioning import create_statements

TENANTS = 1000
PART = 100
BARE_EVERY = 10
"""After so many tenants the same DDL is replayed bare, so that both meet the same catalogue."""


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Make one tenant after the other, each with its schema, role, key and first rows."""
    tenants, part = sized(TENANTS), sized(PART)
    times: list[float] = []
    bare: list[float] = []
    with lab.platform.databases.owner_connector("").connect() as connection:
        connection.autocommit = False
        for number in range(tenants):
            times.append(await add_tenant(lab))
            if number % BARE_EVERY == 0:
                bare.append(_bare(connection, lab, number))
    each, alone = statistics.median(times), statistics.median(bare)
    yield Row(f"provisioning a tenant, p50 of {tenants:,}", each, "s", at_most=0.5)
    yield Row("provisioning a tenant, slowest", max(times), "s")
    yield Row("the same DDL bare, p50", alone, "s")
    yield Row("provisioning / bare DDL", each / alone)
    first, last = (statistics.median(some) for some in (times[:part], times[-part:]))
    yield Row(f"the last {part} tenants / the first {part}", last / first, at_most=1.3)
    some = max(1, part // BARE_EVERY)
    yield Row("the same of the bare DDL", statistics.median(bare[-some:]) / statistics.median(bare[:some]))


def _bare(connection: psycopg.Connection, lab: Lab, number: int) -> float:
    like: Environment = lab.tenants[-1]
    statements = create_statements(
        lab.platform.databases.database_name(""), replace(like, schema=f"bare_{number}", role=f"bare_{number}")
    )
    began = time.perf_counter()
    connection.execute(statements.encode())
    connection.commit()
    return time.perf_counter() - began
