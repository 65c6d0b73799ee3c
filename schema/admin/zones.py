"""Lot zones in the admin API: zones, and when they hold for a lot."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, cast
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.work import Work
from domain.zones import actions
from domain.zones.actions import ZoneChanges
from domain.zones.rules import END_OF_DAY, ByDates, ByDays
from schema.admin.enums import Weekday
from schema.admin.inputs import given
from schema.admin.loads import load_links, load_zones
from schema.admin.parking import LotZone, Zone, link_of, zone_of
from schema.arguments import Id, Info
from schema.declare import PUBLIC, needs, requires
from schema.ids import row_id
from schema.loaders import once
from schema.payloads import UserError, attempt


@strawberry.input(description="A new lot zone.")
class CreateZoneInput:
    """The form of a new zone."""

    long_name: str = strawberry.field(description="The name that third parties must use, exactly.")
    short_name: str = strawberry.field(description="The name on signs.")


@strawberry.input(description="Changes of a lot zone. What is left out stays as it is.")
class UpdateZoneInput:
    """The form of a zone that exists."""

    long_name: strawberry.Maybe[str] = strawberry.field(description="The name that third parties must use, exactly.")
    short_name: strawberry.Maybe[str] = strawberry.field(description="The name on signs.")


@strawberry.input(description="Let a zone hold for a lot on days of the week.")
class AddLotZoneByDaysInput:
    """The form Add Zone by Days."""

    lot_id: strawberry.ID = strawberry.field(description="The lot.")
    zone_id: strawberry.ID = strawberry.field(description="The zone.")
    weekdays: list[Weekday] = strawberry.field(
        default_factory=lambda: list(Weekday), description="The days of the week; all by default."
    )
    start_time: time = strawberry.field(default=time(0, 0), description="From this local time on.")
    end_time: time = strawberry.field(
        default=END_OF_DAY, description="Until before this local time; 23:59 is the end of the day."
    )


@strawberry.input(description="Let a zone hold for a lot on some days.")
class AddLotZoneByDatesInput:
    """The form Add Zone by Date."""

    lot_id: strawberry.ID = strawberry.field(description="The lot.")
    zone_id: strawberry.ID = strawberry.field(description="The zone.")
    first_day: date = strawberry.field(description="From this day on.")
    last_day: date = strawberry.field(description="Until this day, which belongs to it.")


async def _zone_of_payload(payload: strawberry.Parent[ZonePayload], info: Info) -> Zone | None:
    row = (await once(info.context, load_zones)).get(payload.row) if payload.row else None
    return zone_of(row, info.context.environment.tenant.number) if row else None


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a lot zone.")
class ZonePayload:
    """The zone after the change, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    zone: Zone | None = strawberry.field(
        resolver=_zone_of_payload,
        description="The zone after the change; null if nothing was changed, or if it is archived now.",
        metadata=requires(Permission.VIEW_LOTS),
    )


async def _link_of_payload(payload: strawberry.Parent[LotZonePayload], info: Info) -> LotZone | None:
    links = await once(info.context, load_links) if payload.row else []
    zones = await once(info.context, load_zones) if payload.row else {}
    tenant = info.context.environment.tenant.number
    return next((link_of(link, zones[link.zone_id], tenant) for link in links if link.id == payload.row), None)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of the times at which a zone holds for a lot.")
class LotZonePayload:
    """The link after the change, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    lot_zone: LotZone | None = strawberry.field(
        resolver=_link_of_payload,
        description="When the zone holds for the lot; null if nothing was added.",
        metadata=requires(Permission.VIEW_LOTS),
    )


CreateInput = Annotated[CreateZoneInput, strawberry.argument(name="input", description="The names of the zone.")]
UpdateInput = Annotated[UpdateZoneInput, strawberry.argument(name="input", description="What is to change.")]
DaysInput = Annotated[AddLotZoneByDaysInput, strawberry.argument(name="input", description="Lot, zone and days.")]
DatesInput = Annotated[AddLotZoneByDatesInput, strawberry.argument(name="input", description="Lot, zone and dates.")]


async def read_zones(info: Info) -> list[Zone]:
    """All zones that are not archived."""
    tenant = info.context.environment.tenant.number
    return [zone_of(row, tenant) for row in (await once(info.context, load_zones)).values()]


async def create_zone(info: Info, typed: CreateInput) -> ZonePayload:
    """Create a zone."""
    row, errors = await attempt(info.context, lambda work: actions.create(work, typed.long_name, typed.short_name))
    return ZonePayload(row=row, user_errors=errors)


async def update_zone(info: Info, zone_id: Id, typed: UpdateInput) -> ZonePayload:
    """Change a zone."""
    row = row_id(zone_id, "Zone", info.context.environment.tenant.number)
    changes = cast("ZoneChanges", given(typed))
    _, errors = await attempt(info.context, lambda work: actions.change(work, row, **changes))
    return ZonePayload(row=None if errors else row, user_errors=errors)


async def archive_zone(info: Info, zone_id: Id) -> ZonePayload:
    """Archive a zone."""
    row = row_id(zone_id, "Zone", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: actions.archive(work, row))
    return ZonePayload(row=None, user_errors=errors)


async def add_by_days(info: Info, typed: DaysInput) -> LotZonePayload:
    """Link a lot and a zone by days."""

    async def add(work: Work) -> UUID:
        weekdays = frozenset(day.value for day in typed.weekdays)
        return await actions.link(work, *_rows(info, typed), ByDays(weekdays, typed.start_time, typed.end_time))

    row, errors = await attempt(info.context, add)
    return LotZonePayload(row=row, user_errors=errors)


async def add_by_dates(info: Info, typed: DatesInput) -> LotZonePayload:
    """Link a lot and a zone by dates."""

    async def add(work: Work) -> UUID:
        return await actions.link(work, *_rows(info, typed), ByDates(typed.first_day, typed.last_day))

    row, errors = await attempt(info.context, add)
    return LotZonePayload(row=row, user_errors=errors)


async def remove_lot_zone(info: Info, link_id: Id) -> LotZonePayload:
    """Take back a link of a lot and a zone."""
    row = row_id(link_id, "LotZone", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: actions.unlink(work, row))
    return LotZonePayload(row=None, user_errors=errors)


def _rows(info: Info, typed: AddLotZoneByDaysInput | AddLotZoneByDatesInput) -> tuple[UUID, UUID]:
    tenant = info.context.environment.tenant.number
    return row_id(typed.lot_id, "Lot", tenant), row_id(typed.zone_id, "Zone", tenant)


MANAGE = requires(Permission.MANAGE_LOTS)


@strawberry.type
class ZoneQueries:
    """Lot zones."""

    zones: list[Zone] | None = strawberry.field(
        resolver=read_zones,
        description="All lot zones that are not archived, by long name.",
        metadata=requires(Permission.VIEW_LOTS),
    )


@strawberry.type
class ZoneMutations:
    """Changes of lot zones."""

    create_zone: ZonePayload | None = strawberry.field(
        resolver=create_zone, description="Create a lot zone.", metadata=MANAGE
    )
    update_zone: ZonePayload | None = strawberry.field(
        resolver=update_zone, description="Change a lot zone.", metadata=MANAGE
    )
    archive_zone: ZonePayload | None = strawberry.field(
        resolver=archive_zone, description="Archive a lot zone; it holds for no lot any more.", metadata=MANAGE
    )
    add_lot_zone_by_days: LotZonePayload | None = strawberry.field(
        resolver=add_by_days,
        description="Let a zone hold for a lot on days of the week; all week and all day by default.",
        metadata=MANAGE,
    )
    add_lot_zone_by_dates: LotZonePayload | None = strawberry.field(
        resolver=add_by_dates, description="Let a zone hold for a lot from a day to a day.", metadata=MANAGE
    )
    remove_lot_zone: LotZonePayload | None = strawberry.field(
        resolver=remove_lot_zone, description="Take back a time at which a zone holds for a lot.", metadata=MANAGE
    )
