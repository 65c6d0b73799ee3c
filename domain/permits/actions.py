"""Issuing and ending permits, in their first form. All of it needs MANAGE_PERMITS."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from domain.kernel.actor import Permission
from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.lots.errors import LotNotFound
from domain.lots.models import Lot
from domain.lots.queries import lot_to_change
from domain.permits.errors import HolderNotFound, KindNotOffered, LotFull, PermitExpired, PermitNotFound
from domain.permits.events import PermitEnded, PermitIssued
from domain.permits.models import Permit, PermitKind, PermitState
from domain.permits.queries import overlapping_temporaries
from domain.permits.rules import checked_times, most_at_once, normalise_plate


async def issue(
    work: Work,
    lot_id: UUID,
    kind: PermitKind,
    plate: str,
    *,
    starts_at: datetime,
    ends_at: datetime,
    is_reserved: bool = False,
    holder_id: UUID | None = None,
) -> UUID:
    """Issue a permit and return its id; a standard one is rented, or only reserved. Nothing is charged.

    Standard permits may be oversold. A temporary one takes a place: raises LotFull if at some moment none is left. Raises
    LotNotFound, KindNotOffered, HolderNotFound, PlateInvalid, PermitTimesInvalid too. Does *not* check the user type.
    """
    work.actor.require(Permission.MANAGE_PERMITS)
    normalised = normalise_plate(plate)
    checked_times(starts_at, ends_at)
    await _take_place(work, lot_id, kind, starts_at, ends_at)
    permit = Permit(
        id=uuid7(),
        kind=kind.value,
        state=_first_state(kind, is_reserved=is_reserved).value,
        lot_id=lot_id,
        plate=plate.strip(),
        plate_normalised=normalised,
        starts_at=starts_at,
        ends_at=ends_at,
        issued_at=work.now,
        holder_id=holder_id,
    )
    work.add(permit)
    refusals: dict[str, ParkingError] = {"permit_holder_id_fk": HolderNotFound()}
    await work.flush(refusals)
    work.record(PermitIssued(permit.id, lot_id), after={"kind": kind.value, "plate": permit.plate})
    return permit.id


async def expire(work: Work, permit_id: UUID) -> None:
    """End a permit now; its place is free at once. Raises PermitNotFound, PermitExpired."""
    work.actor.require(Permission.MANAGE_PERMITS)
    permit = await work.scalar(select(Permit).where(Permit.id == permit_id).with_for_update())
    if permit is None:
        raise PermitNotFound
    if permit.state == PermitState.EXPIRED.value:
        raise PermitExpired
    before, permit.state = permit.state, PermitState.EXPIRED.value
    work.record(PermitEnded(permit_id, permit.lot_id), before={"state": before}, after={"state": permit.state})


async def expire_ended(work: Work) -> int:
    """Mark the permits whose time is over as expired, and return how many. The counts leave them out already."""
    work.actor.require(Permission.MANAGE_PERMITS)
    is_over = (Permit.state != PermitState.EXPIRED.value, Permit.ends_at <= work.now)
    marked = update(Permit).where(*is_over).values(state=PermitState.EXPIRED.value).returning(Permit.id)
    return len(await work.rows(marked.execution_options(synchronize_session=False)))


async def _take_place(work: Work, lot_id: UUID, kind: PermitKind, starts_at: datetime, ends_at: datetime) -> None:
    """Refuse what the lot does not offer. The lot's row stays locked: the last place can be taken once."""
    lot = await work.scalar(lot_to_change(lot_id))
    if lot is None:
        raise LotNotFound(field="lot_id")
    if not _offers(lot, kind):
        raise KindNotOffered
    if kind is PermitKind.STANDARD:
        return
    taken = [(start, end) for start, end in await work.rows(overlapping_temporaries(lot_id, starts_at, ends_at))]
    within = [(max(start, starts_at), min(end, ends_at)) for start, end in taken]
    if most_at_once(within) >= lot.temporary_maximum:
        raise LotFull


def _offers(lot: Lot, kind: PermitKind) -> bool:
    if kind is PermitKind.TEMPORARY:
        return lot.temporary_maximum > 0
    return lot.standard_allocated > 0 and not lot.is_temporary_only


def _first_state(kind: PermitKind, *, is_reserved: bool) -> PermitState:
    if kind is PermitKind.TEMPORARY:
        return PermitState.ISSUED
    return PermitState.RESERVED if is_reserved else PermitState.RENTED
