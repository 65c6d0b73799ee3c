"""Copies: refreshes, restores and moves that somebody asked for, proofs of backups, and what dead processes left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from jobs.housekeeping.purge import purge_runs
from jobs.ledger import is_outage
from jobs.own.refreshes import tell_of_late_refreshes, tell_of_refresh
from tenants.backups.actions import next_to_verify, verify
from tenants.copies.carrying import Carrier
from tenants.copies.errors import CopyEnded
from tenants.copies.requests import MOVE
from tenants.lifecycle.actions import forget_old_hosts
from tenants.moves.moving import Mover
from tenants.orphans import audit_everything, sweep_everything
from tenants.registry.records import BackupRow

if TYPE_CHECKING:
    from jobs.context import PlatformContext

VERIFIED_EACH_NIGHT = 1


async def copy(context: PlatformContext) -> None:
    """Carry out one copy, from where an earlier attempt left it. With its run it ends itself, and who asked is told."""
    platform, copy_id, say = context.platform, context.row_id, context.runlog.info
    carrier: Carrier | Mover = Carrier(platform.copier, platform.provisioner.furnish, copy_id, say)
    if (await carrier.teller.row()).kind == MOVE:
        carrier = Mover(platform.copier, copy_id, say)
    try:
        await carrier.carry_out()
    except asyncio.CancelledError:
        if context.is_over_time:
            await carrier.fail(CopyEnded("It took longer than a copy may."))
            await tell_of_refresh(context, copy_id)
        raise
    except Exception as error:
        if not is_outage(error) or context.is_last_attempt:
            await carrier.fail(error)
            await tell_of_refresh(context, copy_id)
        raise
    await tell_of_refresh(context, copy_id)


async def verify_backups(context: PlatformContext) -> None:
    """Restore the backup whose environment was proven longest ago, and drop it again."""
    for backup_id, environment_id in await next_to_verify(context.platform.copier, VERIFIED_EACH_NIGHT):
        await _verify(context, backup_id, environment_id)


async def verify_backup(context: PlatformContext) -> None:
    """Restore the backup that the payload names, and drop it again; one of a deleted environment is let be."""
    backup_id = context.row_id
    async with context.platform.databases.control().connect() as connection:
        wanted = select(BackupRow.environment_id).where(BackupRow.id == backup_id)
        environment_id = (await connection.scalars(wanted)).one()
    await _verify(context, backup_id, environment_id)


async def _verify(context: PlatformContext, backup_id: UUID, environment_id: UUID) -> None:
    copier = context.platform.copier
    if environment := copier.registry.by_id(environment_id):
        context.counters.read += await verify(copier, backup_id, environment)
        context.runlog.info("verified", "A backup was restored and dropped again.", name=environment.tenant.slug)


async def audit(context: PlatformContext) -> None:
    """Look at all schemas, grants and places; everything found is a line of the log."""
    copier = context.platform.copier
    found = await audit_everything(copier)
    context.counters.read, context.counters.failed = len(copier.registry.current.by_id), len(found)
    for one in found:
        context.runlog.error("audit_finding", one.what, name=one.schema)


async def sweep_all(context: PlatformContext) -> None:
    """Remove what nobody names any more, everywhere, and the platform's own runs of long ago; tell of refreshes it ended."""
    copier = context.platform.copier
    await forget_old_hosts(copier.databases, copier.clock())
    swept = await sweep_everything(copier)
    runs = await purge_runs(context)
    context.runlog.info("purged", "The platform's own runs that are past their retention were removed.", runs=runs)
    for one in swept:
        context.counters.updated += 1
        context.runlog.warning("swept", one.what, name=one.schema)
    await tell_of_late_refreshes(context)
