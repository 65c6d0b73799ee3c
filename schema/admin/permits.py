"""Permits in the admin API, in their first form: finding, issuing and ending them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from sqlalchemy import Select

from domain.kernel.actor import Permission
from domain.kernel.paging import Page, read_page
from domain.permits import actions
from domain.permits.models import Permit as PermitRow
from domain.permits.models import PermitKind, PermitState
from domain.permits.queries import visible_permits
from domain.permits.rules import normalise_plate
from domain.pins.queries import staff_map
from schema.admin.parking import Lot, lot_of
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.declare import PUBLIC, needs, requires
from schema.ids import global_id, row_id
from schema.loaders import once
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError, attempt


@strawberry.input(description="A new permit. Nothing is charged for it.")
class IssuePermitInput:
    """The form of a new permit."""

    lot_id: strawberry.ID = strawberry.field(description="The lot.")
    kind: PermitKind = strawberry.field(description="Standard permits may be oversold; a temporary one needs a place.")
    plate: str = strawberry.field(description="The plate, as it is written on the car.")
    starts_at: datetime = strawberry.field(description="From this moment on.")
    ends_at: datetime = strawberry.field(description="Until before this moment.")
    reserved: bool = strawberry.field(
        default=False, description="Of a standard permit: whether it is only reserved, without a promise to pay."
    )
    holder_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The user who holds it, if it is one."
    )


@strawberry.input(description="Which permits are wanted; what is left out does not matter.")
class PermitFilter:
    """A filter of permits."""

    lot_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Only of this lot.")
    kind: PermitKind | None = strawberry.field(default=strawberry.UNSET, description="Only of this kind.")
    state: PermitState | None = strawberry.field(default=strawberry.UNSET, description="Only in this state.")
    plate: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only of this plate; case and separators do not matter."
    )


async def _lot_of_permit(permit: strawberry.Parent[Permit], info: Info) -> Lot | None:
    lots = (await once(info.context, staff_map)).lots
    tenant = info.context.environment.tenant.number
    return next((lot_of(lot, tenant) for lot in lots if lot.id == permit.lot_row), None)


@needs(Permission.VIEW_PERMITS)
@strawberry.type(description="The right of a plate to park in a lot for a time.")
class Permit(Node):
    """A permit."""

    lot_row: strawberry.Private[UUID]
    kind: PermitKind = strawberry.field(description="Standard or temporary.")
    state: PermitState = strawberry.field(description="Where it stands.")
    plate: str = strawberry.field(description="The plate as it was typed.")
    plate_normalised: str = strawberry.field(description="The plate as it is compared: letters and digits.")
    starts_at: datetime = strawberry.field(description="From this moment on.")
    ends_at: datetime = strawberry.field(description="Until before this moment.")
    issued_at: datetime = strawberry.field(description="When it was issued.")
    holder_id: strawberry.ID | None = strawberry.field(description="The id of the user who holds it, if it is one.")
    lot: Lot | None = strawberry.field(
        resolver=_lot_of_permit,
        description="The lot; null if it is archived.",
        metadata=requires(Permission.VIEW_LOTS),
    )


async def _permit_of_payload(payload: strawberry.Parent[PermitPayload], info: Info) -> Permit | None:
    if payload.row is None:
        return None
    wanted = visible_permits(info.context.actor).where(PermitRow.id == payload.row)
    row = await info.context.snapshot.scalar(wanted)
    return permit_of(row, info.context.environment.tenant.number) if row else None


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a permit.")
class PermitPayload:
    """The permit after the change, read only if it is asked for."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    permit: Permit | None = strawberry.field(
        resolver=_permit_of_payload,
        description="The permit after the change; null if nothing was changed.",
        metadata=requires(Permission.VIEW_PERMITS),
    )


Wanted = Annotated[
    PermitFilter | None, strawberry.argument(name="filter", description="Which permits are wanted; all by default.")
]
IssueInput = Annotated[IssuePermitInput, strawberry.argument(name="input", description="What is said of the permit.")]


async def read_permits(
    info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET, wanted: Wanted = strawberry.UNSET
) -> Connection[Permit]:
    """A page of permits, the newest first."""
    context, start = info.context, read_cursor(after or None, UUID)
    tenant = context.environment.tenant.number
    statement = _filtered(visible_permits(context.actor), wanted or PermitFilter(), tenant)
    rows, has_more = await read_page(context.snapshot, statement, PermitRow.id, Page(first, start), newest_first=True)
    return connection(rows, lambda row: permit_of(row, tenant), lambda row: row.id, after=start, has_more=has_more)


async def issue_permit(info: Info, typed: IssueInput) -> PermitPayload:
    """Issue a permit."""
    tenant = info.context.environment.tenant.number
    row, errors = await attempt(
        info.context,
        lambda work: actions.issue(
            work,
            row_id(typed.lot_id, "Lot", tenant),
            typed.kind,
            typed.plate,
            starts_at=typed.starts_at,
            ends_at=typed.ends_at,
            is_reserved=typed.reserved,
            holder_id=row_id(typed.holder_id, "User", tenant) if typed.holder_id else None,
        ),
    )
    return PermitPayload(row=row, user_errors=errors)


async def expire_permit(info: Info, permit_id: Id) -> PermitPayload:
    """End a permit."""
    row = row_id(permit_id, "Permit", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: actions.expire(work, row))
    return PermitPayload(row=None if errors else row, user_errors=errors)


def permit_of(row: PermitRow, tenant: int) -> Permit:
    """A permit from its row."""
    return Permit(
        id=global_id("Permit", tenant, row.id),
        lot_row=row.lot_id,
        kind=PermitKind(row.kind),
        state=PermitState(row.state),
        plate=row.plate,
        plate_normalised=row.plate_normalised,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        issued_at=row.issued_at,
        holder_id=global_id("User", tenant, row.holder_id) if row.holder_id else None,
    )


def _filtered(statement: Select[PermitRow], wanted: PermitFilter, tenant: int) -> Select[PermitRow]:
    """Raises PlateInvalid for a plate that can be none."""
    if wanted.lot_id:
        statement = statement.where(PermitRow.lot_id == row_id(wanted.lot_id, "Lot", tenant))
    if wanted.kind:
        statement = statement.where(PermitRow.kind == wanted.kind.value)
    if wanted.state:
        statement = statement.where(PermitRow.state == wanted.state.value)
    if wanted.plate:
        statement = statement.where(PermitRow.plate_normalised == normalise_plate(wanted.plate))
    return statement


@strawberry.type
class PermitQueries:
    """Permits."""

    permits: Connection[Permit] | None = strawberry.field(
        resolver=read_permits, description="Permits, the newest first.", metadata=requires(Permission.VIEW_PERMITS)
    )


@strawberry.type
class PermitMutations:
    """Changes of permits."""

    issue_permit: PermitPayload | None = strawberry.field(
        resolver=issue_permit, description="Issue a permit.", metadata=requires(Permission.MANAGE_PERMITS)
    )
    expire_permit: PermitPayload | None = strawberry.field(
        resolver=expire_permit,
        description="End a permit now; its place is free at once.",
        metadata=requires(Permission.MANAGE_PERMITS),
    )
