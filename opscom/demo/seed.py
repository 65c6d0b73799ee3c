"""The data of a demo tenant, written once, in one transaction, by the same actions that people use."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from auth.accounts import NewAccount, create_account
from auth.furniture import add_builtin
from auth.roles import ADMINISTRATOR
from domain.groups import actions as groups
from domain.groups.models import LotGroup
from domain.groups.rules import MapPoint
from domain.lots import actions as lots
from domain.lots.models import Lot
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from domain.permits import actions as permits
from domain.permits.models import PermitKind
from domain.settings import actions as settings
from domain.settings.models import Integration, Vendor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import UPDATE_MISTALL, UPDATE_PARKING_LOGIX
from domain.tasks.schedules import add_default_schedules
from domain.users import actions as users
from domain.zones import actions as zones
from domain.zones.rules import ByDays
from tests.simulators.campus import MISTALL_LOTS, MISTALL_PASSWORD, MISTALL_TOKEN, MISTALL_USER

if TYPE_CHECKING:
    from domain.kernel.work import Work
    from opscom.demo.facts import GroupFacts, LotFacts, TenantFacts
    from tenants.environments import Environment

POLL_EVERY = timedelta(seconds=3)
"""A demo can not wait for minutes."""

SOLD_FOR = timedelta(days=120)
SHARE_TAKEN = 0.4
"""Of the temporary places at the start; after that they come and go."""

LETTERS = "ABCDEFGHJKLMNPRSTVWXYZ"


async def furnish(work: Work, environment: Environment) -> None:
    """The first rows of a demo environment: as any, but its polls are due every few seconds."""
    await add_builtin(work)
    await add_default_schedules(work, environment.time_zone, every=POLL_EVERY)


async def is_seeded(work: Work) -> bool:
    """Whether the data were written before."""
    return bool(await work.scalar(select(func.count()).select_from(Lot)))


async def seed(work: Work, tenant: TenantFacts, password_hash: str) -> None:
    """Write everything of a tenant but the connections to its vendors."""
    types = {name: await users.create_type(work, name, grouping) for name, grouping in tenant.user_types}
    account = NewAccount(tenant.admin, tenant.admin_name, tenant.admin, types[tenant.admin_type], ADMINISTRATOR)
    await create_account(work, account, password_hash)
    mistall = await _import_mistall(work, tenant.groups)
    zone_id = await zones.create(work, f"{tenant.name} daytime", "DAY")
    for group in tenant.groups:
        group_id = await _make_group(work, group, mistall)
        for lot in group.lots:
            await zones.link(work, await _make_lot(work, lot, types, group_id), zone_id, ByDays())
    for lot in tenant.loose_lots:
        await _make_lot(work, lot, types, None)


async def connect_vendors(
    work: Work, endpoints: Mapping[Vendor, str], known: Iterable[GroupFacts], *, enable: bool
) -> None:
    """Enter where the simulators are and how to log in there; with ``enable`` poll them from now on. Repeatable."""
    for vendor, endpoint in endpoints.items():
        if await work.scalar(select(Integration.live_endpoint).where(Integration.vendor == vendor)) != endpoint:
            await settings.change_integration(work, vendor, **_connection(vendor, endpoint))
            if vendor is Vendor.PARKING_LOGIX:
                await _enter_keys(work, known)  # another endpoint took them away
        if enable:
            await settings.change_integration(work, vendor, is_enabled=True)
    for task in (UPDATE_MISTALL, UPDATE_PARKING_LOGIX) if enable else ():
        await tasks.set_enabled(work, task.name, is_enabled=True)
        await tasks.run(work, task.name)


async def _enter_keys(work: Work, known: Iterable[GroupFacts]) -> None:
    keys = {facts.name: facts.parking_logix for facts in known if facts.parking_logix is not None}
    for group in await work.scalars(select(LotGroup).where(LotGroup.name.in_(keys))):
        await groups.change(work, group.id, parking_logix_key=keys[group.name])


def _connection(vendor: Vendor, endpoint: str) -> settings.IntegrationChanges:
    if vendor is not Vendor.MISTALL:
        return {"live_endpoint": endpoint}
    return {
        "live_endpoint": endpoint,
        "live_user_name": MISTALL_USER,
        "live_password": MISTALL_PASSWORD,
        "live_token": MISTALL_TOKEN,
    }


def plate() -> str:
    """A plate that nobody has."""
    letters = "".join(random.choices(LETTERS, k=4))  # noqa: S311 - a plate is no secret
    return f"{letters} {random.randrange(1000):03}"  # noqa: S311


async def _import_mistall(work: Work, wanted: Iterable[GroupFacts]) -> dict[str, UUID]:
    """The vendor's lots as a first poll would bring them, so that groups can be joined to them."""
    ids = {group.mistall for group in wanted if group.mistall}
    readings = [Reading(lot.id, lot.name, lot.capacity, occupied=0) for lot in MISTALL_LOTS if lot.id in ids]
    if readings:
        await record_readings(work, SensorSource.MISTALL, readings)
    known = await work.scalars(select(SensorLot))
    return {row.external_id: row.id for row in known}


async def _make_group(work: Work, facts: GroupFacts, mistall: Mapping[str, UUID]) -> UUID:
    details: groups.LotGroupDetails = {
        "map_color": facts.color,
        "point": MapPoint(*facts.point),
        "vehicle_count_limit": facts.limit,
    }
    if facts.mistall is not None:
        details["mistall_lot_id"] = mistall[facts.mistall]
    if facts.parking_logix is not None:
        details["parking_logix_key"] = facts.parking_logix
        details["parking_logix_name"] = facts.name
    return await groups.create(work, facts.name, **details)


async def _make_lot(work: Work, facts: LotFacts, types: Mapping[str, UUID], group_id: UUID | None) -> UUID:
    lot_id = await lots.create(
        work,
        facts.name,
        facts.short_name,
        standard_allocated=facts.standard,
        temporary_maximum=facts.temporary,
        is_temporary_only=facts.standard == 0,
        point=MapPoint(*facts.point) if facts.point else None,
        lot_group_id=group_id,
        user_type_ids={types[name] for name in facts.user_types},
    )
    since = work.now - timedelta(days=30)
    for _ in range(facts.sold):
        until = work.now + SOLD_FOR
        await permits.issue(work, lot_id, PermitKind.STANDARD, plate(), starts_at=since, ends_at=until)
    for number in range(round(facts.temporary * SHARE_TAKEN)):
        until = work.now + timedelta(minutes=5 + 7 * number)
        await permits.issue(work, lot_id, PermitKind.TEMPORARY, plate(), starts_at=work.now, ends_at=until)
    return lot_id
