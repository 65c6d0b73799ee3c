"""The tenants of a laboratory: made through the product when a measurement first needs them, and shared by all."""

from __future__ import annotations

import time

from bench.lab import Lab
from tenants.environments import Environment
from tenants.registry.actions import NewTenant


async def fleet(lab: Lab, number: int) -> list[Environment]:
    """The first so many tenants; those that are missing are made."""
    while len(lab.tenants) < number:
        await add_tenant(lab)
    return lab.tenants[:number]


async def add_tenant(lab: Lab) -> float:
    """Make one more tenant. Returns the seconds it took, from the order to its answering site."""
    new = NewTenant(f"tenant-{len(lab.tenants)}", "A Tenant")
    began = time.perf_counter()
    lab.tenants.append(await lab.platform.provisioner.create_tenant(new, actor="bench"))
    return time.perf_counter() - began
