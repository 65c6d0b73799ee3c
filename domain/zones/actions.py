"""Changing lot zones and linking them with lots. All of it needs MANAGE_LOTS."""

from __future__ import annotations

from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import select

from domain.groups.rules import checked_name
from domain.kernel.actor import Permission
from domain.kernel.changes import apply
from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.lots.errors import LotNotFound
from domain.lots.queries import lot_to_change
from domain.zones.errors import LotZoneNotFound, ZoneNameTaken, ZoneNotFound
from domain.zones.events import LotZoneAdded, LotZoneRemoved, ZoneArchived, ZoneChanged, ZoneCreated
from domain.zones.models import LotZone, Zone
from domain.zones.queries import zone_to_change
from domain.zones.rules import ByDays, Validity


class ZoneChanges(TypedDict, total=False):
    """What may be changed of a zone. A field that is absent stays as it is."""

    long_name: str
    short_name: str


async def create(work: Work, long_name: str, short_name: str) -> UUID:
    """Create a zone and return its id. Raises ZoneNameTaken, NameInvalid."""
    work.actor.require(Permission.MANAGE_LOTS)
    zone = Zone(id=uuid7())
    difference = apply(zone, _checked({"long_name": long_name, "short_name": short_name}))
    work.add(zone)
    await _flush(work)
    work.record(ZoneCreated(zone.id), after=difference.after)
    return zone.id


async def change(work: Work, zone_id: UUID, **changes: Unpack[ZoneChanges]) -> None:
    """Change the names that are given. Raises ZoneNotFound, ZoneNameTaken, NameInvalid."""
    work.actor.require(Permission.MANAGE_LOTS)
    zone = await _found(work, zone_id)
    difference = apply(zone, _checked(changes))
    await _flush(work)
    if difference:
        work.record(ZoneChanged(zone_id), before=difference.before, after=difference.after)


async def archive(work: Work, zone_id: UUID) -> None:
    """Archive a zone; its links stay and hold no more. Raises ZoneNotFound."""
    work.actor.require(Permission.MANAGE_LOTS)
    zone = await _found(work, zone_id)
    zone.archived_at = work.now
    work.record(ZoneArchived(zone_id))


async def link(work: Work, lot_id: UUID, zone_id: UUID, validity: Validity) -> UUID:
    """Let a zone hold for a lot, by days or by dates, and return the id of the link. A pair may have several.

    Raises LotNotFound, ZoneNotFound.
    """
    work.actor.require(Permission.MANAGE_LOTS)
    if await work.scalar(lot_to_change(lot_id)) is None:
        raise LotNotFound(field="lot_id")
    await _found(work, zone_id, field="zone_id")
    values = _columns(validity)
    row = LotZone(id=uuid7(), lot_id=lot_id, zone_id=zone_id)
    difference = apply(row, values)
    work.add(row)
    work.record(LotZoneAdded(row.id, lot_id, zone_id), after=difference.after)
    return row.id


async def unlink(work: Work, lot_zone_id: UUID) -> None:
    """Take back a link of a lot and a zone. Raises LotZoneNotFound."""
    work.actor.require(Permission.MANAGE_LOTS)
    row = await work.scalar(select(LotZone).where(LotZone.id == lot_zone_id).with_for_update())
    if row is None:
        raise LotZoneNotFound
    await work.delete(row)
    work.record(LotZoneRemoved(row.id, row.lot_id, row.zone_id))


async def _found(work: Work, zone_id: UUID, field: str | None = None) -> Zone:
    zone = await work.scalar(zone_to_change(zone_id))
    if zone is None:
        raise ZoneNotFound(field=field)
    return zone


def _checked(changes: ZoneChanges) -> dict[str, object]:
    values: dict[str, object] = {}
    if "long_name" in changes:
        values["long_name"] = checked_name(changes["long_name"], "long_name")
    if "short_name" in changes:
        values["short_name"] = checked_name(changes["short_name"], "short_name")
    return values


def _columns(validity: Validity) -> dict[str, object]:
    if isinstance(validity, ByDays):
        return {"weekdays": sorted(validity.weekdays), "start_time": validity.start, "end_time": validity.end}
    return {"first_day": validity.first_day, "last_day": validity.last_day}


async def _flush(work: Work) -> None:
    refusals: dict[str, ParkingError] = {"zone_long_name_uq": ZoneNameTaken()}
    await work.flush(refusals)
