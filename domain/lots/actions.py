"""Changing lots. All of it needs MANAGE_LOTS and is on the map at once."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import delete, select

from domain.groups.errors import LotGroupNotFound
from domain.groups.models import LotGroup
from domain.groups.queries import managed_groups
from domain.groups.rules import MapPoint, checked_limit, checked_name
from domain.kernel.actor import Permission
from domain.kernel.changes import Difference, apply, plain
from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.lots.errors import LotNameTaken, LotNotFound, UserTypeNotFound
from domain.lots.events import LotArchived, LotChanged, LotCreated
from domain.lots.models import Lot, LotUserType
from domain.lots.queries import lot_to_change

NO_COLUMN = frozenset({"point", "user_type_ids"})


class LotDetails(TypedDict, total=False):
    """What may be said of a lot beside its names. A field that is absent stays as it is."""

    is_visible: bool
    is_temporary_only: bool
    standard_allocated: int
    temporary_maximum: int
    point: MapPoint | None
    lot_group_id: UUID | None
    user_type_ids: AbstractSet[UUID]


class LotChanges(LotDetails, total=False):
    """What may be changed of a lot."""

    name: str
    short_name: str


async def create(work: Work, name: str, short_name: str, **details: Unpack[LotDetails]) -> UUID:
    """Create a lot and return its id. A new lot is visible, and offers nothing unless numbers are given.

    Raises LotNameTaken, LotGroupNotFound, UserTypeNotFound, and the Invalid of the field that is wrong.
    """
    work.actor.require(Permission.MANAGE_LOTS)
    lot = Lot(id=uuid7(), is_visible=True, is_temporary_only=False, standard_allocated=0, temporary_maximum=0)
    changes: LotChanges = {"name": name, "short_name": short_name, **details}
    difference = apply(lot, await _checked(work, changes))
    work.add(lot)
    await _flush(work)
    await _set_user_types(work, lot.id, changes, difference)
    work.record(LotCreated(lot.id), after=difference.after)
    return lot.id


async def change(work: Work, lot_id: UUID, **changes: Unpack[LotChanges]) -> None:
    """Change what is given. Raises LotNotFound and whatever `create` raises; the same values record nothing."""
    work.actor.require(Permission.MANAGE_LOTS)
    lot = await _found(work, lot_id)
    difference = apply(lot, await _checked(work, changes))
    await _flush(work)
    await _set_user_types(work, lot_id, changes, difference)
    if difference:
        work.record(LotChanged(lot_id), before=difference.before, after=difference.after)


async def archive(work: Work, lot_id: UUID) -> None:
    """Archive a lot: it leaves every list, its permits stay valid. Raises LotNotFound."""
    work.actor.require(Permission.MANAGE_LOTS)
    lot = await _found(work, lot_id)
    lot.archived_at = work.now
    work.record(LotArchived(lot_id))


async def _found(work: Work, lot_id: UUID) -> Lot:
    lot = await work.scalar(lot_to_change(lot_id))
    if lot is None:
        raise LotNotFound
    return lot


async def _checked(work: Work, changes: LotChanges) -> dict[str, object]:
    """The changes as values of columns."""
    values: dict[str, object] = {key: value for key, value in changes.items() if key not in NO_COLUMN}
    if "point" in changes:
        point = changes["point"]
        values["latitude"], values["longitude"] = (point.latitude, point.longitude) if point else (None, None)
    if "name" in changes:
        values["name"] = checked_name(changes["name"])
    if "short_name" in changes:
        values["short_name"] = checked_name(changes["short_name"], "short_name")
    checked_limit(changes.get("standard_allocated"), "standard_allocated")
    checked_limit(changes.get("temporary_maximum"), "temporary_maximum")
    if (group_id := changes.get("lot_group_id")) is not None:
        await _require_group(work, group_id)
    return values


async def _require_group(work: Work, group_id: UUID) -> None:
    """Lock the group, so that it is not archived at this moment. Raises LotGroupNotFound."""
    statement = managed_groups(work.actor).where(LotGroup.id == group_id).with_for_update(key_share=True)
    if await work.scalar(statement) is None:
        raise LotGroupNotFound(field="lot_group_id")


async def _set_user_types(work: Work, lot_id: UUID, changes: LotChanges, difference: Difference) -> None:
    """Replace the user types of a lot, if they are given and differ."""
    if "user_type_ids" not in changes:
        return
    wanted = set(changes["user_type_ids"])
    had = set(await work.scalars(select(LotUserType.user_type_id).where(LotUserType.lot_id == lot_id)))
    if wanted == had:
        return
    if lost := had - wanted:
        of_lot = LotUserType.lot_id == lot_id
        await work.execute(delete(LotUserType).where(of_lot, LotUserType.user_type_id.in_(lost)))
    for user_type_id in sorted(wanted - had):
        work.add(LotUserType(lot_id=lot_id, user_type_id=user_type_id))
    await work.flush({"lot_user_type_user_type_id_fk": UserTypeNotFound()})
    difference.before["user_type_ids"], difference.after["user_type_ids"] = plain(had), plain(wanted)


async def _flush(work: Work) -> None:
    refusals: dict[str, ParkingError] = {"lot_name_uq": LotNameTaken()}
    await work.flush(refusals)
