"""What the polls of all sensor vendors do alike: find the connection, and put into counters and log what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.captures.actions import capture
from domain.settings.errors import ConnectionMissing
from domain.settings.queries import Connection, open_connection, sides_of
from jobs.integrations.faults import VendorInvalidAnswer
from tenants.outlets import Outlet, outlet

if TYPE_CHECKING:
    from domain.occupancy.actions import Recorded
    from domain.settings.models import Vendor
    from jobs.context import RunContext
    from jobs.integrations.mapping import Mapped

MOST_SHOWN = 20


async def connection_of(context: RunContext, vendor: Vendor) -> Connection:
    """The connection to use here: the live one in live environments only, elsewhere the vendor's test side.

    A preview without a whole test side asks nobody: the call is captured. Raises ConnectionMissing, SecretUnreadable.
    """
    vault = context.platform.databases.vault(context.environment)
    async with context.snapshot() as snapshot:
        sides = await sides_of(snapshot, vendor)
        way = outlet(context.environment, has_test_side=sides.has_test)
        if way is not Outlet.CAPTURE:
            return await open_connection(snapshot, vendor, vault, is_production=way is Outlet.LIVE)
    async with context.work() as work:
        await capture(work, vendor, context.task.title, sides.live_endpoint or "(no endpoint was entered)")
    raise ConnectionMissing(
        "No test endpoint with credentials was entered: the call was captured.", vendor=vendor.value
    )


def note_unreadable(context: RunContext, mapped: Mapped) -> None:
    """Count and log the entries that could not be read. Raises VendorInvalidAnswer if there was nothing else."""
    context.counters.failed += len(mapped.unreadable)
    for entry in mapped.unreadable[:MOST_SHOWN]:
        context.runlog.warning(
            "entry_unreadable", "An entry of the answer can not be read.", position=entry.position, reason=entry.reason
        )
    if mapped.unreadable and not mapped.readings:
        msg = f"No entry of the answer can be read: {mapped.unreadable[0].reason}."
        raise VendorInvalidAnswer(msg)


def note_recorded(context: RunContext, recorded: Recorded) -> None:
    """Count and log what the readings changed. Call it inside the Work, so that the counters are saved with the rows."""
    context.counters.created += recorded.created
    context.counters.updated += recorded.updated
    context.counters.unchanged += recorded.unchanged
    context.runlog.info(
        "recorded",
        "The readings were taken over.",
        created=recorded.created,
        updated=recorded.updated,
        unchanged=recorded.unchanged,
        vanished=recorded.vanished,
    )
