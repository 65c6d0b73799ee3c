"""What the polls of all sensor vendors do alike: find the connection, and put into counters and log what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.settings.queries import Connection, open_connection
from jobs.integrations.faults import VendorInvalidAnswer
from tenants.environments import EnvironmentGroup

if TYPE_CHECKING:
    from domain.occupancy.actions import Recorded
    from domain.settings.models import Vendor
    from jobs.context import RunContext
    from jobs.integrations.mapping import Mapped

MOST_SHOWN = 20


async def connection_of(context: RunContext, vendor: Vendor) -> Connection:
    """The connection to use here: the live one in the production group only. Raises ConnectionMissing, SecretUnreadable."""
    vault = context.platform.databases.vault(context.environment)
    is_production = context.environment.kind.group is EnvironmentGroup.LIVE
    async with context.snapshot() as snapshot:
        return await open_connection(snapshot, vendor, vault, is_production=is_production)


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
