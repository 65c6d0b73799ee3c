"""Reading what vendors told, for the lists that staff choose from. The map is read by `domain/pins`."""

from __future__ import annotations

from sqlalchemy import Select, select

from domain.kernel.actor import Actor, Permission
from domain.occupancy.models import SensorLot, SensorSource


def visible_sensor_lots(actor: Actor, source: SensorSource | None = None) -> Select[SensorLot]:
    """The lots that vendors told of, vanished ones too, by name. Needs VIEW_LOTS."""
    actor.require(Permission.VIEW_LOTS)
    statement = select(SensorLot).order_by(SensorLot.name, SensorLot.id)
    return statement if source is None else statement.where(SensorLot.source == source.value)
