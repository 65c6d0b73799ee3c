"""The two SQL statements of the map: groups with their sensor, and lots with their counts. Rows only, no entities."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    func,
    join,
    literal_column,
    null,
    or_,
    select,
)

from domain.groups import queries as groups
from domain.groups.models import LotGroup
from domain.kernel.fixed import FixedStatement
from domain.kernel.ledger import TaskSchedule
from domain.lots import queries as lots
from domain.lots.models import Lot, LotUserType
from domain.occupancy.models import SensorLot, SensorSource
from domain.permits.queries import permit_counts
from domain.settings.models import Integration
from domain.tasks.catalogue import UPDATE_MISTALL, UPDATE_PARKING_LOGIX, SystemTask

NOW = bindparam("now", type_=DateTime(timezone=True))
USER_TYPE = bindparam("user_type_id", type_=Uuid())
# The collation of a name differs from that of a text; without this the ledger's index could not be used.
ENVIRONMENT: ColumnElement[str] = literal_column('current_user::text collate "default"', Text())


class GroupRow(NamedTuple):
    """A row of the first statement.

    The columns of the sensor are None for a group without one that counts; the last four tell visitors nothing.
    """

    id: UUID
    name: str
    map_color: str
    latitude: float | None
    longitude: float | None
    is_on_map: bool
    vehicle_count_limit: int | None
    mistall_rule: str | None
    parking_logix_rule: str | None
    source: str | None
    capacity: int | None
    occupied: int | None
    free: int | None
    observed_at: datetime | None
    polled_at: datetime | None
    is_vanished: bool | None
    free_parking_minutes: int | None
    mistall_lot_id: UUID | None
    parking_logix_name: str | None
    has_parking_logix_key: bool


class LotRow(NamedTuple):
    """A row of the second statement; ``group_id`` is None also when the group is archived."""

    id: UUID
    name: str
    short_name: str
    latitude: float | None
    longitude: float | None
    is_visible: bool
    is_temporary_only: bool
    standard_allocated: int
    temporary_maximum: int
    group_id: UUID | None
    standard_taken: int
    temporary_taken: int
    admits_user_type: bool


def _rule(task: SystemTask) -> ScalarSelect[str]:
    of_task = (TaskSchedule.environment == ENVIRONMENT, TaskSchedule.task == task.name)
    return select(TaskSchedule.rule).where(*of_task).scalar_subquery()


def _groups(condition: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    """Groups by name. The sensor is joined only while its integration is enabled."""
    enabled = join(SensorLot, Integration, and_(Integration.vendor == SensorLot.source, Integration.is_enabled))
    by_name = and_(
        SensorLot.source == SensorSource.PARKING_LOGIX.value, SensorLot.external_id == LotGroup.parking_logix_name
    )
    return (
        select(
            LotGroup.id,
            LotGroup.name,
            LotGroup.map_color,
            LotGroup.latitude,
            LotGroup.longitude,
            LotGroup.is_on_map,
            LotGroup.vehicle_count_limit,
            _rule(UPDATE_MISTALL),
            _rule(UPDATE_PARKING_LOGIX),
            SensorLot.source,
            SensorLot.capacity,
            SensorLot.occupied,
            SensorLot.free,
            SensorLot.observed_at,
            SensorLot.polled_at,
            SensorLot.is_vanished,
        )
        .outerjoin(enabled, or_(SensorLot.id == LotGroup.mistall_lot_id, by_name))
        .where(condition)
        .order_by(LotGroup.name, LotGroup.id)
    )


def _lots(condition: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    """Lots by name. ``now`` and ``user_type_id`` are bound when it is executed."""
    count = permit_counts(NOW)
    admits = exists().where(LotUserType.lot_id == Lot.id, LotUserType.user_type_id == USER_TYPE)
    return (
        select(
            Lot.id,
            Lot.name,
            Lot.short_name,
            Lot.latitude,
            Lot.longitude,
            Lot.is_visible,
            Lot.is_temporary_only,
            Lot.standard_allocated,
            Lot.temporary_maximum,
            LotGroup.id.label("group_id"),
            func.coalesce(count.c.standard, 0),
            func.coalesce(count.c.temporary, 0),
            admits,
        )
        .outerjoin(LotGroup, and_(LotGroup.id == Lot.lot_group_id, groups.KEPT))
        .outerjoin(count, count.c.lot_id == Lot.id)
        .where(condition)
        .order_by(Lot.name, Lot.id)
    )


LISTED_GROUPS = FixedStatement(_groups(groups.LISTED).add_columns(null(), null(), null(), false()))
KEPT_GROUPS = FixedStatement(
    _groups(groups.KEPT).add_columns(
        LotGroup.free_parking_minutes,
        LotGroup.mistall_lot_id,
        LotGroup.parking_logix_name,
        LotGroup.parking_logix_key.is_not(None),
    )
)
LISTED_LOTS, KEPT_LOTS = FixedStatement(_lots(lots.LISTED)), FixedStatement(_lots(lots.KEPT))
