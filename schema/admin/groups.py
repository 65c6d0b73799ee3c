"""Lot groups in the admin API: the map, its live occupancy, and creating, changing and archiving groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, cast
from uuid import UUID

import strawberry

from domain.groups import actions
from domain.groups.actions import LotGroupChanges, LotGroupDetails
from domain.kernel.actor import Permission
from domain.kernel.features import Feature
from domain.pins.queries import staff_map
from schema.admin.inputs import PointInput, given, point_of
from schema.admin.loads import load_mistall_lots
from schema.admin.parking import LotGroup, MapPin, MistallLot, Occupancy, group_of, mistall_lot_of, pins_of
from schema.arguments import Id, Info, PinIds
from schema.declare import PUBLIC, live, needs, requires
from schema.ids import row_id
from schema.loaders import once
from schema.payloads import UserError, attempt


@strawberry.input
class LotGroupDetailsInput:
    """What both inputs have; not in the schema by itself."""

    map_color: strawberry.Maybe[str] = strawberry.field(description="The colour of the pin, as `#rrggbb`.")
    point: strawberry.Maybe[PointInput | None] = strawberry.field(
        description="Its place on the map; null takes it from there."
    )
    is_on_map: strawberry.Maybe[bool] = strawberry.field(
        name="showOnMap", description="Whether it is on the real-time map; true by default."
    )
    free_parking_minutes: strawberry.Maybe[int | None] = strawberry.field(
        description="How long parking is free; null for no limit."
    )
    vehicle_count_limit: strawberry.Maybe[int | None] = strawberry.field(
        description="How many vehicles it takes: the capacity of a Parking Logix group; null for no limit."
    )
    mistall_lot_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        description="The Mistall lot that counts for it, from `mistallLots`; null for none."
    )
    parking_logix_key: strawberry.Maybe[str | None] = strawberry.field(
        description="The API key of Parking Logix. It is stored encrypted and never shown; null removes it."
    )
    parking_logix_name: strawberry.Maybe[str | None] = strawberry.field(
        description="The exact name of the lot in Parking Logix; null for none."
    )


@strawberry.input(description="A new lot group.")
class CreateLotGroupInput(LotGroupDetailsInput):
    """The form of a new group."""

    name: str = strawberry.field(description="The name; no other lot group may have it.")


@strawberry.input(description="Changes of a lot group. What is left out stays as it is.")
class UpdateLotGroupInput(LotGroupDetailsInput):
    """The form of a group that exists."""

    name: strawberry.Maybe[str] = strawberry.field(description="The name; no other lot group may have it.")


async def _group_of_payload(payload: strawberry.Parent[LotGroupPayload], info: Info) -> LotGroup | None:
    groups = (await once(info.context, staff_map)).groups if payload.row else ()
    tenant = info.context.environment.tenant.number
    return next((group_of(group, tenant) for group in groups if group.id == payload.row), None)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a lot group.")
class LotGroupPayload:
    """The group after the change, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    lot_group: LotGroup | None = strawberry.field(
        resolver=_group_of_payload,
        description="The lot group after the change; null if nothing was changed, or if it is archived now.",
        metadata=requires(Permission.VIEW_LOTS),
    )


CreateInput = Annotated[
    CreateLotGroupInput, strawberry.argument(name="input", description="What is said of the lot group.")
]
UpdateInput = Annotated[UpdateLotGroupInput, strawberry.argument(name="input", description="What is to change.")]


async def read_lot_groups(info: Info) -> list[LotGroup]:
    """All groups that are not archived."""
    tenant = info.context.environment.tenant.number
    return [group_of(group, tenant) for group in (await once(info.context, staff_map)).groups]


async def find_lot_group(info: Info, group_id: Id) -> LotGroup | None:
    """One group."""
    tenant = info.context.environment.tenant.number
    wanted = row_id(group_id, "LotGroup", tenant)
    groups = (await once(info.context, staff_map)).groups
    return next((group_of(group, tenant) for group in groups if group.id == wanted), None)


async def read_pins(info: Info) -> list[MapPin]:
    """All pins."""
    return pins_of(await once(info.context, staff_map), info.context.environment.tenant.number)


async def follow_occupancy(info: Info, pins: PinIds = strawberry.UNSET) -> AsyncIterator[Occupancy]:
    """The state now; the gateway asks again whenever it may have changed."""
    shown = await read_pins(info)
    wanted = frozenset(pins) if pins is not None and pins is not strawberry.UNSET else None
    yield Occupancy(pins=[pin for pin in shown if wanted is None or pin.id in wanted])


async def read_mistall_lots(info: Info) -> list[MistallLot]:
    """All lots that Mistall told of."""
    rows = await once(info.context, load_mistall_lots)
    return [mistall_lot_of(row, info.context.environment.tenant.number) for row in rows.values()]


async def create_lot_group(info: Info, typed: CreateInput) -> LotGroupPayload:
    """Create a lot group."""
    tenant = info.context.environment.tenant.number
    row, errors = await attempt(info.context, lambda work: actions.create(work, typed.name, **_details(typed, tenant)))
    return LotGroupPayload(row=row, user_errors=errors)


async def update_lot_group(info: Info, group_id: Id, typed: UpdateInput) -> LotGroupPayload:
    """Change a lot group."""
    tenant = info.context.environment.tenant.number
    row = row_id(group_id, "LotGroup", tenant)
    _, errors = await attempt(info.context, lambda work: actions.change(work, row, **_changes(typed, tenant)))
    return LotGroupPayload(row=None if errors else row, user_errors=errors)


async def archive_lot_group(info: Info, group_id: Id) -> LotGroupPayload:
    """Archive a lot group."""
    row = row_id(group_id, "LotGroup", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: actions.archive(work, row))
    return LotGroupPayload(row=None, user_errors=errors)


def _changes(typed: LotGroupDetailsInput, tenant: int) -> LotGroupChanges:
    readers = {"point": point_of, "mistall_lot_id": lambda value: row_id(str(value), "MistallLot", tenant)}
    return cast("LotGroupChanges", given(typed, readers))


def _details(typed: CreateLotGroupInput, tenant: int) -> LotGroupDetails:
    changes = cast("dict[str, object]", _changes(typed, tenant))
    return cast("LotGroupDetails", {key: value for key, value in changes.items() if key != "name"})


@strawberry.type
class LotGroupQueries:
    """Lot groups, and everything on the map. All fields of one operation share its two statements."""

    lot_groups: list[LotGroup] | None = strawberry.field(
        resolver=read_lot_groups,
        description="All lot groups that are not archived, by name.",
        metadata=requires(Permission.VIEW_LOTS),
    )
    lot_group: LotGroup | None = strawberry.field(
        resolver=find_lot_group,
        description="The lot group with this id; null if there is none, or if it is archived.",
        metadata=requires(Permission.VIEW_LOTS),
    )
    pins: list[MapPin] | None = strawberry.field(
        resolver=read_pins,
        description="What has a place on the map: lot groups shown there, and visible lots without a group.",
        metadata=requires(Permission.VIEW_LOTS),
    )
    mistall_lots: list[MistallLot] | None = strawberry.field(
        resolver=read_mistall_lots,
        description="The lots that Mistall told of, by name; empty until the task Update Mistall ran once.",
        metadata=requires(Permission.VIEW_LOTS, feature=Feature.MISTALL),
    )


@strawberry.type
class LotGroupMutations:
    """Changes of lot groups."""

    create_lot_group: LotGroupPayload | None = strawberry.field(
        resolver=create_lot_group, description="Create a lot group.", metadata=requires(Permission.MANAGE_LOTS)
    )
    update_lot_group: LotGroupPayload | None = strawberry.field(
        resolver=update_lot_group, description="Change a lot group.", metadata=requires(Permission.MANAGE_LOTS)
    )
    archive_lot_group: LotGroupPayload | None = strawberry.field(
        resolver=archive_lot_group,
        description="Archive a lot group, for good. Its data stay; its lots are lots without a group.",
        metadata=requires(Permission.MANAGE_LOTS),
    )


@strawberry.type
class LotGroupSubscriptions:
    """The map as it changes."""

    occupancy: AsyncIterator[Occupancy] = strawberry.subscription(
        resolver=follow_occupancy,
        description=(
            "The occupancy of the map as it changes. A state stream, not an event log: each message is the whole current "
            "state; in between states may be skipped, the last one never is."
        ),
        metadata=requires(Permission.VIEW_LOTS) | live("occupancy"),
    )
