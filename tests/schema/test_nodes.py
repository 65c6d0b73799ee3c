"""Whatever has a global id is found again by it, and nothing that is not for the asker."""

from collections.abc import Mapping
from datetime import date

import pytest
from graphql import GraphQLInterfaceType

import schema.admin.nodes
import schema.ops.nodes
from domain.kernel.actor import Permission
from domain.zones import actions as zones
from domain.zones.rules import ByDates
from opscom.platform import Platform
from schema.ids import PLATFORM, global_id
from tenants.backups.actions import back_up
from tenants.environments import Environment
from tenants.plans.trials import begin
from tests.fixtures.parking import Parking, staff
from tests.fixtures.pins import Campus
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import APIS, Asking, codes
from tests.schema.ops.test_lifecycle import STAFF

NODE = """query ($id: ID!) { node(id: $id) { id __typename
    ... on Backup { reason } ... on FeatureTrial { feature note } } }"""
ANN = staff(Permission.VIEW_SETTINGS)
CALLED = {"Me": {"admin": "User", "ops": "Staff"}}
"""What ids of a type are called where it is not the type's own name."""


@pytest.mark.parametrize(("api", "finders"), [("admin", schema.admin.nodes.FINDERS), ("ops", schema.ops.nodes.FINDERS)])
def test_each_type_with_an_id_is_found_by_it(api: str, finders: Mapping[str, object]) -> None:
    """Clients that refetch by id, as Relay does, got null for backups and trials."""
    core = APIS[api].core
    interface = core.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)

    types = {one.name for one in core.get_possible_types(interface)}

    assert {CALLED.get(name, {}).get(api, name) for name in types} == set(finders)


async def test_a_backup_and_a_trial_are_found_on_the_site_and_on_the_control_plane(
    admin: Asking, ops: Asking, platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    trial_id = await begin(platform.databases, tenant.tenant.id, "own_domain", words="Look.", actor="sam")

    for asked, number, actor in ((admin, tenant.tenant.number, ANN), (ops, PLATFORM, STAFF)):
        backup, trial = global_id("Backup", number, backup_id), global_id("FeatureTrial", number, trial_id)
        found = [(await asked.data(NODE, {"id": one}, actor=actor))["node"] for one in (backup, trial)]
        assert found == [
            {"id": backup, "__typename": "Backup", "reason": "by hand"},
            {"id": trial, "__typename": "FeatureTrial", "feature": "OWN_DOMAIN", "note": "Look."},
        ]


async def test_those_of_another_tenant_are_not_and_nobody_without_the_permission_finds_any(
    admin: Asking, platform: Platform, make_tenant: MakeTenant, tenant: Environment
) -> None:
    other = await make_tenant()
    rows = {
        "Backup": await back_up(platform.copier, other, reason="by hand", actor="ann"),
        "FeatureTrial": await begin(platform.databases, other.tenant.id, "own_domain", words="", actor="sam"),
    }

    for kind, row in rows.items():
        values = {"id": global_id(kind, tenant.tenant.number, row)}
        assert await admin.data(NODE, values, actor=ANN) == {"node": None}
        assert codes(await admin(NODE, values, actor=staff(Permission.VIEW_LOTS))) == ["denied"]


async def test_a_user_type_and_a_zone_of_a_lot_are_found(admin: Asking, parking: Parking) -> None:
    campus, office = Campus(parking), staff(Permission.VIEW_LOTS)
    lot_id, validity = await campus.lot(), ByDates(date(2026, 5, 4), date(2026, 5, 5))
    async with parking.work() as work:
        link_id = await zones.link(work, lot_id, await zones.create(work, "Zone 1", "1"), validity)
    number = parking.environment.tenant.number
    rows = {"UserType": await parking.user_type(), "LotZone": link_id}

    for kind, row in rows.items():
        values = {"id": global_id(kind, number, row)}
        assert (await admin.data(NODE, values, actor=office))["node"]["__typename"] == kind
        assert codes(await admin(NODE, values, actor=ANN)) == ["denied"]


async def test_staff_of_the_platform_find_themselves_and_nobody_else(ops: Asking) -> None:
    for row, found in ((STAFF.subject, {"__typename": "Me"}), (ANN.subject, None)):
        document = "query ($id: ID!) { node(id: $id) { __typename } }"
        assert await ops.data(document, {"id": global_id("Staff", PLATFORM, row)}, actor=STAFF) == {"node": found}
