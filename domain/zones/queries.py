"""The ways to the rows of lot zones and of their links to lots."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from domain.kernel.actor import Actor, Permission
from domain.kernel.snapshot import Snapshot
from domain.zones.models import LotZone, Zone
from domain.zones.rules import ByDates, ByDays, Validity, zones_holding


def managed_zones(actor: Actor) -> Select[Zone]:
    """All lot zones that are not archived, by long name. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    return select(Zone).where(Zone.archived_at.is_(None)).order_by(Zone.long_name)


def managed_links(actor: Actor) -> Select[LotZone]:
    """All links of lots and zones that are not archived, in the order they were made. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    return select(LotZone).join(Zone, Zone.id == LotZone.zone_id).where(Zone.archived_at.is_(None)).order_by(LotZone.id)


async def zones_of_lot_at(snapshot: Snapshot, lot_id: UUID, at: datetime, time_zone: ZoneInfo) -> frozenset[UUID]:
    """Which zones hold for a lot at a time. Checks no permission: rights and plate checks ask for everybody."""
    links = select(LotZone).join(Zone, Zone.id == LotZone.zone_id)
    rows = await snapshot.scalars(links.where(LotZone.lot_id == lot_id, Zone.archived_at.is_(None)))
    return zones_holding([(row.zone_id, validity(row)) for row in rows], at, time_zone)


def validity(row: LotZone) -> Validity:
    """When the link holds, as a value."""
    if row.weekdays is not None and row.start_time is not None and row.end_time is not None:
        return ByDays(frozenset(row.weekdays), row.start_time, row.end_time)
    if row.first_day is None or row.last_day is None:
        msg = "the database holds days or dates, whole"
        raise AssertionError(msg)
    return ByDates(row.first_day, row.last_day)


def zone_to_change(zone_id: UUID) -> Select[Zone]:
    """The row of a zone that is not archived, locked for a change."""
    return select(Zone).where(Zone.id == zone_id, Zone.archived_at.is_(None)).with_for_update()
