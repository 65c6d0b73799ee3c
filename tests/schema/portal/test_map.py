"""The map in the portal: percentages and icons, the live state, and what guests do not see."""

from uuid import UUID

import pytest

from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor, Permission
from domain.kernel.ids import uuid7
from domain.permits.models import PermitKind
from domain.settings.models import Vendor
from schema.ids import global_id
from tests.fixtures.parking import Parking, staff, user
from tests.fixtures.pins import GUEST, Campus
from tests.fixtures.schemas import Asking, codes

GROUPS = """{ lotGroups { id name mapColor latitude longitude
    occupancy { percentFull source stale observedAt }
    lots { id name shortName availablePercent standard temporary } } }"""
LIVE = """subscription ($pins: [ID!]) { occupancy(pins: $pins) { pins {
    __typename id name latitude longitude
    ... on LotGroup { occupancy { percentFull source stale observedAt } lots { availablePercent } }
    ... on Lot { availablePercent standard temporary } } } }"""


def id_of(parking: Parking, type_name: str, row: UUID) -> str:
    return global_id(type_name, parking.environment.tenant.number, row)


async def test_a_guest_sees_percentages_of_a_sensor_and_of_temporary_permits(
    campus: Campus, parking: Parking, portal: Asking
) -> None:
    await campus.enable(Vendor.MISTALL)
    group_id = await campus.group("Core", map_color="#aa0000", mistall_lot_id=await campus.mistall(occupied=97))
    lot_id = await campus.lot("North", lot_group_id=group_id, standard_allocated=10, temporary_maximum=4)
    await campus.permit(lot_id, PermitKind.TEMPORARY)

    data = await portal.data(GROUPS, actor=GUEST)

    assert data["lotGroups"] == [
        {
            "id": id_of(parking, "LotGroup", group_id),
            "name": "Core",
            "mapColor": "#aa0000",
            "latitude": 45.4,
            "longitude": -75.7,
            "occupancy": {
                "percentFull": 97,
                "source": "MISTALL",
                "stale": False,
                "observedAt": "2026-05-04T12:00:00.000Z",
            },
            "lots": [
                {
                    "id": id_of(parking, "Lot", lot_id),
                    "name": "North",
                    "shortName": "North",
                    "availablePercent": 75,
                    "standard": False,
                    "temporary": True,
                }
            ],
        }
    ]


async def test_a_user_sees_the_standard_permits_of_their_type_too(campus: Campus, portal: Asking) -> None:
    students = await campus.parking.user_type()
    group_id = await campus.group()
    await campus.lot(lot_group_id=group_id, standard_allocated=10, user_type_ids={students})

    assert (await portal.data(GROUPS, actor=user(students)))["lotGroups"][0]["lots"][0]["standard"] is True
    assert (await portal.data(GROUPS, actor=user()))["lotGroups"][0]["lots"] == []
    assert (await portal.data(GROUPS, actor=GUEST))["lotGroups"][0]["lots"] == []


async def test_the_whole_map_costs_two_statements_however_much_is_on_it(campus: Campus, portal: Asking) -> None:
    for number in range(4):
        group_id = await campus.group(f"Group {number}")
        for lot in range(3):
            await campus.lot(f"Lot {number}.{lot}", lot_group_id=group_id, temporary_maximum=5)

    with campus.parking.counting() as statements:
        await portal.data("{ lotGroups { lots { name } } pins { id } again: lotGroups { name } }", actor=GUEST)

    assert len([text for text in statements if text.startswith("SELECT")]) == 2, statements


async def test_permits_are_not_counted_where_sensors_tell_everything_that_is_asked(
    campus: Campus, portal: Asking
) -> None:
    await campus.enable(Vendor.MISTALL)
    await campus.group(mistall_lot_id=await campus.mistall(occupied=97))
    fields = "name occupancy { percentFull }"

    with campus.parking.counting() as statements:
        alone = await portal.data(f"{{ lotGroups {{ {fields} }} }}", actor=GUEST)
        in_fragment = await portal.data("{ lotGroups { ...F } } fragment F on LotGroup { lots { name } }", actor=GUEST)
    with campus.parking.counting() as with_permits:
        await campus.group("Without")
        both = await portal.data(f"{{ lotGroups {{ {fields} }} }}", actor=GUEST)

    assert alone == {"lotGroups": [{"name": "Core", "occupancy": {"percentFull": 97}}]}
    assert in_fragment == {"lotGroups": [{"lots": []}]}
    assert len([text for text in statements if text.startswith("SELECT")]) == 1 + 2, statements
    assert len(both["lotGroups"]) == 2
    assert len([text for text in with_permits if text.startswith("SELECT lot_group.")]) == 1
    assert any("permit" in text for text in with_permits)


@pytest.mark.parametrize("field", ["lotGroup", "node"])
async def test_a_group_is_found_by_its_id(campus: Campus, parking: Parking, portal: Asking, field: str) -> None:
    group_id = id_of(parking, "LotGroup", await campus.group("Core"))

    data = await portal.data(
        f"query ($id: ID!) {{ {field}(id: $id) {{ id ... on LotGroup {{ name }} }} }}", {"id": group_id}, actor=GUEST
    )

    assert data == {field: {"id": group_id, "name": "Core"}}


@pytest.mark.parametrize("field", ["lotGroup", "node"])
async def test_what_is_no_group_for_a_visitor_answers_like_an_unknown_id(
    campus: Campus, parking: Parking, portal: Asking, field: str
) -> None:
    tenant = parking.environment.tenant.number
    shown, hidden = await campus.group("Shown"), await campus.group("Hidden", is_on_map=False)
    lot_id = await campus.lot("Hidden lot", temporary_maximum=1, is_visible=False)
    strange = [
        global_id("LotGroup", tenant + 1, shown),
        global_id("LotGroup", tenant, hidden),
        global_id("LotGroup", tenant, uuid7()),
        global_id("Lot", tenant, lot_id),
        global_id("Permit", tenant, shown),
        "Core",
        "",
        "\u00e9" * 500,
    ]

    for each in strange:
        data = await portal.data(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": each}, actor=GUEST)
        assert data == {field: None}, each


async def test_the_live_state_is_the_pins_of_the_map(campus: Campus, parking: Parking, portal: Asking) -> None:
    group_id = await campus.group("Core")
    lot_id = await campus.lot("Alone", temporary_maximum=4, point=MapPoint(45.5, -75.6))

    pins = (await portal.data(LIVE, actor=GUEST))["occupancy"]["pins"]

    assert [(pin["__typename"], pin["id"]) for pin in pins] == [
        ("LotGroup", id_of(parking, "LotGroup", group_id)),
        ("Lot", id_of(parking, "Lot", lot_id)),
    ]
    assert pins[1]["availablePercent"] == 100


async def test_the_live_state_can_be_narrowed_to_some_pins(campus: Campus, parking: Parking, portal: Asking) -> None:
    wanted = id_of(parking, "LotGroup", await campus.group("Core"))
    await campus.group("Other")

    async def names(pins: list[str] | None) -> list[str]:
        return [pin["name"] for pin in (await portal.data(LIVE, {"pins": pins}, actor=GUEST))["occupancy"]["pins"]]

    assert await names([wanted, "unknown"]) == ["Core"]
    assert await names([]) == []
    assert await names(None) == ["Core", "Other"]


async def test_a_class_of_viewers_gets_the_same_bytes_as_each_of_them(campus: Campus, portal: Asking) -> None:
    students, faculty = await campus.parking.user_type("Students"), await campus.parking.user_type("Faculty")
    group_id = await campus.group()
    await campus.lot(lot_group_id=group_id, standard_allocated=9, temporary_maximum=2, user_type_ids={students})
    visibility = portal.api.operations.prepare(LIVE).visibility

    seen = {}
    for actor in (GUEST, user(students), user(students), user(faculty)):
        reduced = visibility.class_of(actor)
        assert reduced is not None
        alone, shared = await portal(LIVE, actor=actor), await portal(LIVE, actor=reduced)
        assert alone.to_json() == shared.to_json()
        seen[reduced] = shared.to_json()

    assert len(seen) == 3


async def test_a_field_about_the_person_makes_an_operation_unshared(portal: Asking) -> None:
    operation = portal.api.operations.prepare("{ lotGroups { name } me { name } }")

    assert operation.visibility.class_of(user()) is None


async def test_who_answers_is_told_to_everybody(parking: Parking, portal: Asking) -> None:
    data = await portal.data("{ environment { tenantName kind isPreview timeZone host } }", actor=GUEST)

    assert data["environment"] == {
        "tenantName": "A Tenant",
        "kind": "PRODUCTION",
        "isPreview": False,
        "timeZone": "America/Toronto",
        "host": parking.environment.primary_host,
    }


@pytest.mark.parametrize("number", ["permitCounts { standard { taken } }", "standardAllocated", "temporaryMaximum"])
def test_numbers_are_not_in_the_portal_at_all(portal: Asking, number: str) -> None:
    with pytest.raises(Exception, match="Cannot query field"):
        portal.api.operations.prepare(f"{{ lotGroups {{ lots {{ {number} }} }} }}")


async def test_the_person_is_asked_for_by_a_login_only(portal: Asking) -> None:
    answer = await portal("{ me { name } lotGroups { name } }", actor=Actor.guest())

    assert codes(answer) == ["login_required"]
    assert answer.data == {"me": None, "lotGroups": []}


async def test_permissions_change_nothing_of_what_visitors_see(campus: Campus, portal: Asking) -> None:
    await campus.group("Hidden", is_on_map=False)

    assert await portal.data(GROUPS, actor=staff(*Permission)) == {"lotGroups": []}
