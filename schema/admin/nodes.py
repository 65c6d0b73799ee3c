"""What answers, and anything of it by its id, in the admin API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.permits.models import Permit as PermitRow
from domain.permits.queries import visible_permits
from domain.pins.queries import staff_map
from domain.tasks.errors import RunNotFound
from domain.tasks.queries import run_by_id
from schema.admin.loads import load_links, load_mistall_lots, load_user_types, load_zones
from schema.admin.mail import message_with
from schema.admin.parking import group_of, link_of, lot_of, mistall_lot_of, user_type_of, zone_of
from schema.admin.people import user_with
from schema.admin.permits import permit_of
from schema.admin.previews import environment_of_kind
from schema.admin.runs import run_of
from schema.arguments import Id, Info
from schema.context import Context
from schema.copies import MAY_SEE, shown_backup
from schema.declare import PUBLIC, SUBJECT, for_strangers, requires
from schema.environment import Environment, shown
from schema.ids import read_id
from schema.loaders import once
from schema.nodes import Node
from schema.plans import shown_trial
from tenants.backups.queries import backup_by_id
from tenants.environments import EnvironmentKind
from tenants.plans.trials import trial_by_id

Finder = Callable[[Context, UUID], Awaitable[Node | None]]


async def read_environment(info: Info) -> Environment:
    """The environment that answers."""
    return shown(info.context.environment)


async def find_node(info: Info, node_id: Id) -> Node | None:
    """Whatever has this id. Raises Denied when its kind is not for the asker."""
    type_name, row = read_id(node_id, info.context.environment.tenant.number) or ("", None)
    find = FINDERS.get(type_name)
    return await find(info.context, row) if find is not None and row is not None else None


async def _lot_group(context: Context, row: UUID) -> Node | None:
    tenant = context.environment.tenant.number
    groups = (await once(context, staff_map)).groups
    return next((group_of(group, tenant) for group in groups if group.id == row), None)


async def _lot(context: Context, row: UUID) -> Node | None:
    tenant = context.environment.tenant.number
    return next((lot_of(lot, tenant) for lot in (await once(context, staff_map)).lots if lot.id == row), None)


async def _zone(context: Context, row: UUID) -> Node | None:
    zone = (await once(context, load_zones)).get(row)
    return zone_of(zone, context.environment.tenant.number) if zone else None


async def _lot_zone(context: Context, row: UUID) -> Node | None:
    link = next((one for one in await once(context, load_links) if one.id == row), None)
    zones = await once(context, load_zones)
    return link_of(link, zones[link.zone_id], context.environment.tenant.number) if link else None


async def _user_type(context: Context, row: UUID) -> Node | None:
    context.actor.require(Permission.VIEW_LOTS)
    found = (await once(context, load_user_types)).get(row)
    return user_type_of(found, context.environment.tenant.number) if found else None


async def _mistall_lot(context: Context, row: UUID) -> Node | None:
    lot = (await once(context, load_mistall_lots)).get(row)
    return mistall_lot_of(lot, context.environment.tenant.number) if lot else None


async def _permit(context: Context, row: UUID) -> Node | None:
    found = await context.snapshot.scalar(visible_permits(context.actor).where(PermitRow.id == row))
    return permit_of(found, context.environment.tenant.number) if found else None


async def _run(context: Context, row: UUID) -> Node | None:
    try:
        return run_of(await run_by_id(context.snapshot, row), context.environment.tenant.number)
    except RunNotFound:
        return None


async def _backup(context: Context, row: UUID) -> Node | None:
    context.actor.require(MAY_SEE)
    production = environment_of_kind(context, EnvironmentKind.PRODUCTION)
    found = await backup_by_id(context.services.databases, row)
    if found is None or found.environment_id != production.id:
        return None
    return shown_backup(found, production.tenant.number)


async def _trial(context: Context, row: UUID) -> Node | None:
    context.actor.require(Permission.VIEW_SETTINGS)
    tenant = context.environment.tenant
    found = await trial_by_id(context.services.databases, row)
    return shown_trial(found, tenant.number) if found and found.tenant_id == tenant.id else None


FINDERS: Mapping[str, Finder] = MappingProxyType(
    {
        "LotGroup": _lot_group,
        "Lot": _lot,
        "Zone": _zone,
        "LotZone": _lot_zone,
        "UserType": _user_type,
        "MistallLot": _mistall_lot,
        "Permit": _permit,
        "User": user_with,
        "SystemTaskRun": _run,
        "Message": message_with,
        "Backup": _backup,
        "FeatureTrial": _trial,
    }
)
"""How each type that `node` knows is found. The queries behind check the permission."""


@strawberry.type
class NodeQueries:
    """Environment and node."""

    environment: Environment = strawberry.field(
        resolver=read_environment, description="The site that answers.", metadata=for_strangers() | requires(PUBLIC)
    )
    node: Node | None = strawberry.field(
        resolver=find_node,
        description="Whatever has this id; null if there is nothing. Each type needs the permission to view it.",
        metadata=requires(SUBJECT),
    )
