"""What the admin API loads once an operation, whole: a tenant has few lots, zones and user types."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from domain.kernel.features import Feature, require_feature
from domain.kernel.snapshot import Snapshot
from domain.lots.queries import user_types_of_lots
from domain.occupancy.models import SensorLot, SensorSource
from domain.occupancy.queries import visible_sensor_lots
from domain.users.models import UserType
from domain.users.queries import user_types
from domain.zones.models import LotZone, Zone
from domain.zones.queries import managed_links, managed_zones


async def load_user_types(snapshot: Snapshot) -> dict[UUID, UserType]:
    """All user types by id, in the order of their names."""
    return {row.id: row for row in await snapshot.scalars(user_types())}


async def load_user_types_of_lots(snapshot: Snapshot) -> dict[UUID, list[UUID]]:
    """The ids of the user types of each lot that has any."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for lot_id, user_type_id in await snapshot.rows(user_types_of_lots(snapshot.actor)):
        found[lot_id].append(user_type_id)
    return found


async def load_zones(snapshot: Snapshot) -> dict[UUID, Zone]:
    """All zones by id, in the order of their long names."""
    return {row.id: row for row in await snapshot.scalars(managed_zones(snapshot.actor))}


async def load_links(snapshot: Snapshot) -> list[LotZone]:
    """All links of lots and zones."""
    return await snapshot.scalars(managed_links(snapshot.actor))


async def load_mistall_lots(snapshot: Snapshot) -> dict[UUID, SensorLot]:
    """All imported Mistall lots by id, in the order of their names. Raises FeatureOff."""
    require_feature(snapshot.features, Feature.MISTALL)
    rows = await snapshot.scalars(visible_sensor_lots(snapshot.actor, SensorSource.MISTALL))
    return {row.id: row for row in rows}
