"""The system task Update Mistall: imports its lots, so that they can be chosen for lot groups, and their counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.occupancy.actions import record_readings
from domain.occupancy.models import SensorSource
from domain.settings.models import Vendor
from jobs.integrations.mistall.client import fetch_lots
from jobs.integrations.mistall.mapping import read_lots
from jobs.integrations.poll import connection_of, note_recorded, note_unreadable

if TYPE_CHECKING:
    from jobs.context import RunContext


async def update_mistall(context: RunContext) -> None:
    """Poll Mistall once. Lots missing from a good answer are marked as vanished; an empty answer changes nothing.

    Raises VendorFault.
    """
    connection = await connection_of(context, Vendor.MISTALL)
    entries = await fetch_lots(context.http, connection)
    mapped = read_lots(entries)
    context.counters.read = len(entries)
    note_unreadable(context, mapped)
    if not mapped.readings:
        context.runlog.warning("empty_answer", "Mistall answered without any lot; nothing was changed.")
        return
    async with context.work() as work:
        is_whole = not mapped.unreadable
        recorded = await record_readings(work, SensorSource.MISTALL, mapped.readings, is_whole=is_whole)
        note_recorded(context, recorded)
