"""The platform's task that exports a tenant for staff to fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.lifecycle.exports import store_export

if TYPE_CHECKING:
    from jobs.context import PlatformContext

ACTOR = "export"


async def export(context: PlatformContext) -> None:
    """Export the tenant that the payload names."""
    found = await store_export(context.platform.copier, context.row_id, actor=ACTOR)
    context.counters.read = found.rows
    context.runlog.info("exported", "The export lies in the storage of backups for seven days.", tables=found.files)
