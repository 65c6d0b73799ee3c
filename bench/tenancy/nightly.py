"""nightly: what runs each night, at size: the audit of all schemas, the sweep, and backups of many small tenants."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import psycopg

from bench.lab import Lab
from bench.size import sized
from bench.table import Row
from bench.tenancy.fleet import fleet
from bench.tenancy.volume import database
from tenants.audits import find_drift, find_leaning, find_stray_grants
from tenants.backups.actions import back_up
from tenants.copies.dropping import sweep
from tenants.registry.placing import MAIN_CELL

AUDITED = 1_000
BACKED_UP = 300
LEFT_BEHIND = 10
_LEFT = """
    set role {owner}; create schema s_9000{number:02}; create table s_9000{number:02}.left (id int); reset role
"""


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Each of them once, by the functions that their tasks call."""
    databases = lab.platform.databases
    tenants = await fleet(lab, sized(AUDITED))
    began = time.perf_counter()
    found = await find_drift(databases, tenants)
    yield Row(f"shapes of {len(tenants):,} schemas compared with the migrations", time.perf_counter() - began, "s")
    began = time.perf_counter()
    found += await find_leaning(databases, MAIN_CELL)
    await lab.platform.registry.load()
    found += await find_stray_grants(databases, MAIN_CELL, lab.platform.registry.current.by_id.values())
    yield Row("dependencies between schemas, and grants", time.perf_counter() - began, "s")
    yield Row("what the audit found", len(found), "", at_most=0)

    _leave_behind(lab)
    began = time.perf_counter()
    swept = await sweep(databases, MAIN_CELL)
    yield Row(f"sweep that finds {len(swept)} schemas left behind", time.perf_counter() - began, "s")

    small = tenants[: sized(BACKED_UP)]
    began = time.perf_counter()
    for environment in small:
        await back_up(lab.platform.copier, environment, reason="nightly", actor="bench")
    took = time.perf_counter() - began
    yield Row(f"backups of {len(small)} small tenants, one after the other", len(small) / took, "a second")


def _leave_behind(lab: Lab) -> None:
    """Schemas of dead processes."""
    owner = f"{lab.platform.databases.database_name('')}_owner"
    with psycopg.connect(database(lab)) as connection:
        for number in range(LEFT_BEHIND):
            connection.execute(_LEFT.format(owner=owner, number=number).encode())
