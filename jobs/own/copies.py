"""Copies: refreshes, restores and moves that somebody asked for, proofs of backups, and what dead processes left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.audits import find_drift, find_leaning, find_stray_grants
from tenants.backups.actions import next_to_verify, verify
from tenants.copies.carrying import Carrier
from tenants.copies.dropping import end_abandoned, sweep
from tenants.lifecycle.actions import forget_old_hosts

if TYPE_CHECKING:
    from jobs.context import PlatformContext

VERIFIED_EACH_NIGHT = 1


async def copy(context: PlatformContext) -> None:
    """Carry out one copy, from where an earlier attempt left it."""
    platform = context.platform
    carrier = Carrier(platform.copier, platform.provisioner.furnish, context.row_id, context.runlog.info)
    await carrier.carry_out()


async def verify_backups(context: PlatformContext) -> None:
    """Restore the backup whose environment was proven longest ago, and drop it again."""
    copier = context.platform.copier
    for backup_id, environment_id in await next_to_verify(copier, VERIFIED_EACH_NIGHT):
        environment = copier.registry.by_id(environment_id)
        if environment is None:
            continue
        context.counters.read += await verify(copier, backup_id, environment)
        context.runlog.info("verified", "A backup was restored and dropped again.", name=environment.tenant.slug)


async def audit(context: PlatformContext) -> None:
    """Look at the shape of every schema, at what leans on another, and at grants; everything found is a line of the log."""
    databases, registry = context.platform.databases, context.platform.registry
    everybody = [*registry.current.by_id.values()]
    found = await find_drift(databases, everybody)
    for cell in sorted(registry.current.cells):
        found += await find_leaning(databases, cell)
        found += await find_stray_grants(databases, cell, [e for e in everybody if e.cell == cell])
    context.counters.read, context.counters.failed = len(everybody), len(found)
    for one in found:
        context.runlog.error("audit_finding", one.what, name=one.schema)


async def sweep_all(context: PlatformContext) -> None:
    """Remove what nobody names any more, cell by cell."""
    copier = context.platform.copier
    await forget_old_hosts(copier.databases, copier.clock())
    ended = await end_abandoned(copier.databases, copier.clock())
    for cell in sorted(copier.registry.current.cells):
        for schema in await sweep(copier.databases, cell):
            context.counters.updated += 1
            context.runlog.warning("swept", "A schema that nothing names was removed.", name=schema)
    if ended:
        context.runlog.warning("abandoned", "Copies that nobody carried out were ended.", count=ended)
