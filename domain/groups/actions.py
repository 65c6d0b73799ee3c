"""Changing lot groups. All of it needs MANAGE_LOTS and is on the map at once."""

from __future__ import annotations

from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import select

from domain.groups.errors import LotGroupNameTaken, LotGroupNotFound, MistallLotNotFound, TwoSensors
from domain.groups.events import LotGroupArchived, LotGroupChanged, LotGroupCreated
from domain.groups.models import LotGroup
from domain.groups.queries import group_to_change, groups_with_key
from domain.groups.rules import DEFAULT_MAP_COLOR, MapPoint, checked_limit, checked_map_color, checked_name
from domain.kernel.actor import Permission
from domain.kernel.changes import apply
from domain.kernel.errors import ParkingError
from domain.kernel.features import Feature, require_feature
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.occupancy.models import SensorLot, SensorSource

SECRET = frozenset({"parking_logix_key"})


class LotGroupDetails(TypedDict, total=False):
    """What may be said of a lot group beside its name. A field that is absent stays as it is.

    ``parking_logix_key`` is plain text here and sealed before it is stored; None removes it.
    """

    map_color: str
    point: MapPoint | None
    is_on_map: bool
    free_parking_minutes: int | None
    vehicle_count_limit: int | None
    mistall_lot_id: UUID | None
    parking_logix_key: str | None
    parking_logix_name: str | None


class LotGroupChanges(LotGroupDetails, total=False):
    """What may be changed of a lot group."""

    name: str


async def create(work: Work, name: str, **details: Unpack[LotGroupDetails]) -> UUID:
    """Create a lot group and return its id. A new group is on the map unless ``is_on_map`` is false.

    Raises LotGroupNameTaken, TwoSensors, MistallLotNotFound, FeatureOff for a sensor of a feature that is off, and the
    Invalid of the field that is wrong.
    """
    work.actor.require(Permission.MANAGE_LOTS)
    group = LotGroup(id=uuid7(), map_color=DEFAULT_MAP_COLOR, is_on_map=True)
    difference = apply(group, await _checked(work, {"name": name, **details}), secret=SECRET)
    work.add(group)
    await _flush(work, group)
    work.record(LotGroupCreated(group.id), after=difference.after)
    return group.id


async def change(work: Work, group_id: UUID, **changes: Unpack[LotGroupChanges]) -> None:
    """Change what is given. Raises LotGroupNotFound and whatever `create` raises; the same values record nothing."""
    work.actor.require(Permission.MANAGE_LOTS)
    group = await _found(work, group_id)
    difference = apply(group, await _checked(work, changes), secret=SECRET)
    await _flush(work, group)
    if difference:
        work.record(LotGroupChanged(group_id), before=difference.before, after=difference.after)


async def archive(work: Work, group_id: UUID) -> None:
    """Archive a lot group, for good: its data stay, its lots count as lots without a group. Raises LotGroupNotFound."""
    work.actor.require(Permission.MANAGE_LOTS)
    group = await _found(work, group_id)
    group.archived_at = work.now
    work.record(LotGroupArchived(group_id))


async def forget_parking_logix_keys(work: Work) -> None:
    """Take the Parking Logix keys of all groups away: part of calling another peer with them. Needs MANAGE_SETTINGS."""
    work.actor.require(Permission.MANAGE_SETTINGS)
    for group in await work.scalars(groups_with_key()):
        difference = apply(group, {"parking_logix_key": None}, secret=SECRET)
        work.record(LotGroupChanged(group.id), before=difference.before, after=difference.after)


async def _found(work: Work, group_id: UUID) -> LotGroup:
    group = await work.scalar(group_to_change(group_id))
    if group is None:
        raise LotGroupNotFound
    return group


async def _checked(work: Work, changes: LotGroupChanges) -> dict[str, object]:
    """The changes as values of columns."""
    values: dict[str, object] = {key: value for key, value in changes.items() if key != "point"}
    if "point" in changes:
        point = changes["point"]
        values["latitude"], values["longitude"] = (point.latitude, point.longitude) if point else (None, None)
    if "name" in changes:
        values["name"] = checked_name(changes["name"])
    if "map_color" in changes:
        values["map_color"] = checked_map_color(changes["map_color"])
    checked_limit(changes.get("free_parking_minutes"), "free_parking_minutes")
    checked_limit(changes.get("vehicle_count_limit"), "vehicle_count_limit")
    return values | await _checked_sensor(work, changes)


async def _checked_sensor(work: Work, changes: LotGroupChanges) -> dict[str, object]:
    """What ties the group to a sensor. It may always be taken away; without the feature none may be given."""
    _require_features(work, changes)
    values: dict[str, object] = {}
    if "parking_logix_key" in changes:
        key = (changes["parking_logix_key"] or "").strip()
        values["parking_logix_key"] = work.vault.seal(key) if key else None
    if "parking_logix_name" in changes:
        name = changes["parking_logix_name"]
        values["parking_logix_name"] = checked_name(name, "parking_logix_name") if name else None
    if (lot_id := changes.get("mistall_lot_id")) is not None:
        mistall = SensorLot.source == SensorSource.MISTALL.value
        if await work.scalar(select(SensorLot.id).where(SensorLot.id == lot_id, mistall)) is None:
            raise MistallLotNotFound
    return values


def _require_features(work: Work, changes: LotGroupChanges) -> None:
    if changes.get("mistall_lot_id") is not None:
        require_feature(work.features, Feature.MISTALL)
    if changes.get("parking_logix_key") or changes.get("parking_logix_name"):
        require_feature(work.features, Feature.PARKING_LOGIX)


async def _flush(work: Work, group: LotGroup) -> None:
    """Write the group, telling a taken name and a second sensor in words."""
    has_logix = group.parking_logix_key is not None or group.parking_logix_name is not None
    if group.mistall_lot_id is not None and has_logix:
        raise TwoSensors
    refusals: dict[str, ParkingError] = {"lot_group_name_uq": LotGroupNameTaken()}
    await work.flush(refusals)
