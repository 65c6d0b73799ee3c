"""The ways to the rows of lots. Their counts are read by `domain/pins`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from domain.kernel.actor import Actor, Permission
from domain.lots.models import Lot, LotUserType

KEPT = Lot.archived_at.is_(None)
"""The condition of every list: archived lots are in none."""
LISTED = KEPT & Lot.is_visible
"""The condition under which visitors see a lot."""


def visible_lots(actor: Actor) -> Select[Lot]:
    """The lots that visitors see, by name: visible ones that are not archived.

    Which kinds of permits of them the actor may see is `rules.offered`.
    """
    del actor  # today the same for everybody; the parameter keeps this the one way to the rows
    return select(Lot).where(LISTED).order_by(Lot.name)


def managed_lots(actor: Actor) -> Select[Lot]:
    """All lots that are not archived, hidden ones too, by name. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    return select(Lot).where(KEPT).order_by(Lot.name)


def user_types_of_lots(actor: Actor) -> Select[UUID, UUID]:
    """Pairs of a lot and a user type that may use it, for all lots. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    return select(LotUserType.lot_id, LotUserType.user_type_id).order_by(LotUserType.lot_id, LotUserType.user_type_id)


def lot_to_change(lot_id: UUID) -> Select[Lot]:
    """The row of a lot that is not archived, locked for a change."""
    return select(Lot).where(Lot.id == lot_id, KEPT).with_for_update()
