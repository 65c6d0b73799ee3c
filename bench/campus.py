"""Tenants to measure on: a map of twenty groups, each with a lot and a Mistall sensor that counts its cars."""

from __future__ import annotations

from sqlalchemy import select

from domain.groups import actions as groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
from domain.lots import actions as lots
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.plans.actions import set_limit
from tenants.plans.limits import MOST
from tenants.registry.actions import NewTenant, set_embedding

GROUPS = 20
CAPACITY = 250
SYSTEM = Actor.system("bench")

MAP_QUERY = "{ lotGroups { id name mapColor latitude longitude occupancy { percentFull source stale observedAt } } }"
PINS_SUBSCRIPTION = (
    "subscription { occupancy { pins { name ... on LotGroup { mapColor occupancy { percentFull source stale } } } } }"
)


async def campus(platform: Platform, slug: str) -> Environment:
    """A new tenant with twenty groups on its map."""
    environment = await platform.provisioner.create_tenant(NewTenant(slug, slug.title()), actor="bench")
    async with platform.databases.control().begin() as connection:  # a crowd comes from one address
        await set_embedding(connection, environment.id, sites=None, networks=["127.0.0.0/8"], actor="bench")
    for name in ("operations", "cost_per_second", "cost_at_once"):  # and asks as much as it can
        await set_limit(platform.databases, environment.tenant.id, name, MOST, actor="bench")
    await platform.registry.load()
    await platform.bus.nudge("registry")
    await count_cars(platform, environment, 0)
    async with platform.databases.work(environment, SYSTEM) as work:
        await change_integration(work, Vendor.MISTALL, is_enabled=True)
        sensors = await work.scalars(select(SensorLot).order_by(SensorLot.external_id))
        for number, sensor in enumerate(sensors):
            group_id = await groups.create(
                work,
                f"Group {number:02}",
                map_color="#336699",
                point=MapPoint(45.0 + number / 1000, -75.0),
                mistall_lot_id=sensor.id,
            )
            await lots.create(
                work,
                f"Lot {number:02}",
                f"L{number:02}",
                is_visible=True,
                temporary_maximum=50,
                standard_allocated=100,
                lot_group_id=group_id,
            )
    return environment


async def count_cars(platform: Platform, environment: Environment, turn: int) -> None:
    """Take over a poll in which every sensor has counted anew, as the task *Update Mistall* does."""
    async with platform.databases.work(environment, SYSTEM) as work:
        readings = [
            Reading(f"{number:02}", f"Sensor {number:02}", capacity=CAPACITY, occupied=(37 * turn + number) % CAPACITY)
            for number in range(GROUPS)
        ]
        await record_readings(work, SensorSource.MISTALL, readings)
