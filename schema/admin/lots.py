"""Lots in the admin API: creating, changing and archiving them."""

from __future__ import annotations

from typing import Annotated, cast
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.lots import actions
from domain.lots.actions import LotChanges, LotDetails
from domain.pins.queries import staff_map
from schema.admin.inputs import PointInput, given, point_of
from schema.admin.parking import Lot, lot_of
from schema.arguments import Id, Info
from schema.declare import PUBLIC, needs, requires
from schema.ids import row_id
from schema.loaders import once
from schema.payloads import UserError, attempt


@strawberry.input
class LotDetailsInput:
    """What both inputs have; not in the schema by itself."""

    is_visible: strawberry.Maybe[bool] = strawberry.field(
        name="visible", description="Whether users see it; true by default."
    )
    is_temporary_only: strawberry.Maybe[bool] = strawberry.field(
        name="temporaryOnly", description="Whether it has no standard permits; false by default."
    )
    standard_allocated: strawberry.Maybe[int] = strawberry.field(
        description="How many standard permit numbers are allocated to it; 0 by default, which offers none."
    )
    temporary_maximum: strawberry.Maybe[int] = strawberry.field(
        description="How many temporary permits may be valid at once; 0 by default, which offers none."
    )
    point: strawberry.Maybe[PointInput | None] = strawberry.field(
        description="Its place on the map; null takes it from there."
    )
    lot_group_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        description="The lot group it belongs to; null takes it out of any."
    )
    user_type_ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        description="The user types that its standard permits are offered to; they replace the present ones."
    )


@strawberry.input(description="A new lot.")
class CreateLotInput(LotDetailsInput):
    """The form of a new lot."""

    name: str = strawberry.field(description="The name; no other lot may have it.")
    short_name: str = strawberry.field(description="The name on signs and permits.")


@strawberry.input(description="Changes of a lot. What is left out stays as it is.")
class UpdateLotInput(LotDetailsInput):
    """The form of a lot that exists."""

    name: strawberry.Maybe[str] = strawberry.field(description="The name; no other lot may have it.")
    short_name: strawberry.Maybe[str] = strawberry.field(description="The name on signs and permits.")


async def _lot_of_payload(payload: strawberry.Parent[LotPayload], info: Info) -> Lot | None:
    lots = (await once(info.context, staff_map)).lots if payload.row else ()
    tenant = info.context.environment.tenant.number
    return next((lot_of(lot, tenant) for lot in lots if lot.id == payload.row), None)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a lot.")
class LotPayload:
    """The lot after the change, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    lot: Lot | None = strawberry.field(
        resolver=_lot_of_payload,
        description="The lot after the change; null if nothing was changed, or if it is archived now.",
        metadata=requires(Permission.VIEW_LOTS),
    )


CreateInput = Annotated[CreateLotInput, strawberry.argument(name="input", description="What is said of the lot.")]
UpdateInput = Annotated[UpdateLotInput, strawberry.argument(name="input", description="What is to change.")]


async def read_lots(info: Info) -> list[Lot]:
    """All lots that are not archived."""
    lots = sorted((await once(info.context, staff_map)).lots, key=lambda lot: lot.name)
    return [lot_of(lot, info.context.environment.tenant.number) for lot in lots]


async def find_lot(info: Info, lot_id: Id) -> Lot | None:
    """One lot."""
    tenant = info.context.environment.tenant.number
    wanted = row_id(lot_id, "Lot", tenant)
    lots = (await once(info.context, staff_map)).lots
    return next((lot_of(lot, tenant) for lot in lots if lot.id == wanted), None)


async def create_lot(info: Info, typed: CreateInput) -> LotPayload:
    """Create a lot."""
    tenant = info.context.environment.tenant.number
    row, errors = await attempt(
        info.context,
        lambda work: actions.create(work, typed.name, typed.short_name, **_details(typed, tenant)),
    )
    return LotPayload(row=row, user_errors=errors)


async def update_lot(info: Info, lot_id: Id, typed: UpdateInput) -> LotPayload:
    """Change a lot."""
    tenant = info.context.environment.tenant.number
    row = row_id(lot_id, "Lot", tenant)
    _, errors = await attempt(info.context, lambda work: actions.change(work, row, **_changes(typed, tenant)))
    return LotPayload(row=None if errors else row, user_errors=errors)


async def archive_lot(info: Info, lot_id: Id) -> LotPayload:
    """Archive a lot."""
    row = row_id(lot_id, "Lot", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: actions.archive(work, row))
    return LotPayload(row=None, user_errors=errors)


def _changes(typed: LotDetailsInput, tenant: int) -> LotChanges:
    readers = {
        "point": point_of,
        "lot_group_id": lambda value: row_id(str(value), "LotGroup", tenant),
        "user_type_ids": lambda ids: {row_id(each, "UserType", tenant) for each in cast("list[str]", ids)},
    }
    return cast("LotChanges", given(typed, readers))


def _details(typed: CreateLotInput, tenant: int) -> LotDetails:
    changes = cast("dict[str, object]", _changes(typed, tenant))
    return cast("LotDetails", {key: value for key, value in changes.items() if key not in {"name", "short_name"}})


@strawberry.type
class LotQueries:
    """Lots."""

    lots: list[Lot] | None = strawberry.field(
        resolver=read_lots,
        description="All lots that are not archived, by name.",
        metadata=requires(Permission.VIEW_LOTS),
    )
    lot: Lot | None = strawberry.field(
        resolver=find_lot,
        description="The lot with this id; null if there is none, or if it is archived.",
        metadata=requires(Permission.VIEW_LOTS),
    )


@strawberry.type
class LotMutations:
    """Changes of lots."""

    create_lot: LotPayload | None = strawberry.field(
        resolver=create_lot, description="Create a lot.", metadata=requires(Permission.MANAGE_LOTS)
    )
    update_lot: LotPayload | None = strawberry.field(
        resolver=update_lot, description="Change a lot.", metadata=requires(Permission.MANAGE_LOTS)
    )
    archive_lot: LotPayload | None = strawberry.field(
        resolver=archive_lot,
        description="Archive a lot: it leaves every list, its permits stay valid.",
        metadata=requires(Permission.MANAGE_LOTS),
    )
