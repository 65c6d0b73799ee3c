"""The ways to the rows of lot groups. Their occupancy is read by `domain/pins`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from domain.groups.models import LotGroup
from domain.kernel.actor import Actor, Permission

KEPT = LotGroup.archived_at.is_(None)
"""The condition of every list: archived groups are in none."""
LISTED = KEPT & LotGroup.is_on_map
"""The condition under which visitors see a group."""


def visible_groups(actor: Actor) -> Select[LotGroup]:
    """The lot groups that visitors see, whoever the actor is: those shown on the map, by name."""
    del actor  # today the same for everybody; the parameter keeps this the one way to the rows
    return select(LotGroup).where(LISTED).order_by(LotGroup.name)


def managed_groups(actor: Actor) -> Select[LotGroup]:
    """All lot groups that are not archived, by name. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    return select(LotGroup).where(KEPT).order_by(LotGroup.name)


def keyed_groups(actor: Actor) -> Select[LotGroup]:
    """The lot groups with a Parking Logix key, which is sealed: what a poll asks for. Needs RUN_SYSTEM_TASKS."""
    actor.require(Permission.RUN_SYSTEM_TASKS)
    has_key = LotGroup.parking_logix_key.is_not(None)
    return select(LotGroup).where(KEPT, has_key).order_by(LotGroup.id)


def group_to_change(group_id: UUID) -> Select[LotGroup]:
    """The row of a group that is not archived, locked for a change."""
    return select(LotGroup).where(LotGroup.id == group_id, KEPT).with_for_update()


def groups_with_key() -> Select[LotGroup]:
    """All rows that hold a Parking Logix key, archived ones too, locked for a change."""
    return select(LotGroup).where(LotGroup.parking_logix_key.is_not(None)).order_by(LotGroup.id).with_for_update()
