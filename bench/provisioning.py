"""provisioning: from the order of a tenant to its answering site, thirty times."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator

from bench.lab import Lab
from bench.table import Row
from tenants.registry.actions import NewTenant

TENANTS = 30


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Provision one tenant after the other, each with its schema, role, key and first rows."""
    times = []
    for number in range(TENANTS):
        began = time.perf_counter()
        await lab.platform.provisioner.create_tenant(NewTenant(f"new-{number}", "A Tenant"), actor="bench")
        times.append(time.perf_counter() - began)
    yield Row("provisioning a tenant, p50", statistics.median(times), "s", at_most=0.5)
    yield Row("provisioning a tenant, slowest", max(times), "s")
