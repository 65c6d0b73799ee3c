"""Lots, lot groups and the map in the admin API: numbers, changes, and what is told of wrong input."""

from typing import Any

import pytest

from domain.groups.rules import MapPoint
from domain.kernel.actor import Permission
from domain.kernel.ids import uuid7
from domain.permits.models import PermitKind
from domain.settings.models import Vendor
from schema.ids import global_id
from tests.fixtures.parking import Parking, staff
from tests.fixtures.pins import Campus
from tests.fixtures.schemas import Asking, codes

MANAGER = staff(Permission.VIEW_LOTS, Permission.MANAGE_LOTS)
COUNT = "{ maximum taken available }"
NUMBERS = f"""occupancy {{ capacity occupied available percentFull source stale observedAt }}
    permitCounts {{ standard {COUNT} temporary {COUNT} }}"""
CREATE_GROUP = """mutation ($input: CreateLotGroupInput!) { createLotGroup(input: $input) {
    lotGroup { id name mapColor showOnMap latitude freeParkingMinutes vehicleCountLimit
      mistallLot { name } parkingLogixName hasParkingLogixKey }
    userErrors { code message field } } }"""
UPDATE_GROUP = CREATE_GROUP.replace("($input: CreateLotGroupInput!)", "($id: ID!, $input: UpdateLotGroupInput!)")
UPDATE_GROUP = UPDATE_GROUP.replace("createLotGroup(input", "updateLotGroup(id: $id, input")
LOT = """lot { id name shortName visible temporaryOnly standardAllocated temporaryMaximum latitude
    group { name } userTypes { name } } userErrors { code field }"""
CREATE_LOT = f"mutation ($input: CreateLotInput!) {{ createLot(input: $input) {{ {LOT} }} }}"
UPDATE_LOT = f"mutation ($id: ID!, $input: UpdateLotInput!) {{ updateLot(id: $id, input: $input) {{ {LOT} }} }}"


async def change(admin: Asking, document: str, **variables: object) -> dict[str, Any]:
    """The payload of a mutation of one field."""
    (payload,) = (await admin.data(document, variables, actor=MANAGER)).values()
    assert isinstance(payload, dict)
    return payload


async def new_group(admin: Asking, **fields: object) -> str:
    payload = await change(admin, CREATE_GROUP, input={"name": "Core", **fields})
    return str(payload["lotGroup"]["id"])


async def new_lot(admin: Asking, **fields: object) -> str:
    payload = await change(admin, CREATE_LOT, input={"name": "Lot 4", "shortName": "L4", **fields})
    return str(payload["lot"]["id"])


async def test_staff_see_the_numbers_of_the_sensor_beside_those_of_the_permits(campus: Campus, admin: Asking) -> None:
    await campus.enable(Vendor.MISTALL)
    group_id = await campus.group(mistall_lot_id=await campus.mistall(occupied=97))
    lot_id = await campus.lot(lot_group_id=group_id, standard_allocated=1, temporary_maximum=4)
    for _ in range(3):
        await campus.permit(lot_id, PermitKind.STANDARD)

    data = await admin.data(f"{{ lotGroups {{ {NUMBERS} lots {{ name }} }} }}", actor=MANAGER)

    assert data["lotGroups"] == [
        {
            "occupancy": {
                "capacity": 100,
                "occupied": 97,
                "available": 3,
                "percentFull": 97,
                "source": "MISTALL",
                "stale": False,
                "observedAt": "2026-05-04T12:00:00.000Z",
            },
            "permitCounts": {
                "standard": {"maximum": 1, "taken": 3, "available": 0},
                "temporary": {"maximum": 4, "taken": 0, "available": 4},
            },
            "lots": [{"name": "Lot 4"}],
        }
    ]


async def test_everything_about_lots_costs_a_fixed_number_of_statements(campus: Campus, admin: Asking) -> None:
    students = await campus.parking.user_type()
    mistall = await campus.mistall()
    for number in range(3):
        group_id = await campus.group(f"Group {number}", mistall_lot_id=mistall)
        for lot in range(2):
            await campus.lot(f"Lot {number}.{lot}", lot_group_id=group_id, user_type_ids={students})

    with campus.parking.counting() as statements:
        await admin.data(
            """{ lotGroups { mistallLot { name } lots { userTypes { name } zones { zone { longName } } } }
                lots { group { name } userTypes { name } zones { startTime } } zones { lots { name } } }""",
            actor=MANAGER,
        )

    # groups, lots, Mistall lots, user types of lots, user types, links, zones
    assert len([text for text in statements if text.startswith("SELECT")]) == 7, statements


async def test_the_live_state_of_staff_has_numbers(campus: Campus, admin: Asking) -> None:
    await campus.group("Core")
    document = f"subscription {{ occupancy {{ pins {{ name ... on LotGroup {{ {NUMBERS} }} }} }} }}"

    data = await admin.data(document, actor=MANAGER)

    assert data["occupancy"]["pins"][0]["occupancy"]["capacity"] == 0
    reduced = admin.api.operations.prepare(document).visibility.class_of(MANAGER)
    assert reduced is not None
    assert (await admin(document, actor=reduced)).data == data


async def test_a_group_is_created_with_what_was_said_and_defaults_for_the_rest(
    campus: Campus, parking: Parking, admin: Asking
) -> None:
    mistall = global_id("MistallLot", parking.environment.tenant.number, await campus.mistall())
    point = {"latitude": 45.4, "longitude": -75.7}

    payload = await change(admin, CREATE_GROUP, input={"name": "Core", "mistallLotId": mistall, "point": point})

    assert payload["userErrors"] == []
    group = payload["lotGroup"]
    assert (group["name"], group["latitude"], group["showOnMap"]) == ("Core", 45.4, True)
    assert (group["mistallLot"], group["vehicleCountLimit"]) == ({"name": "North Garage"}, None)


@pytest.mark.parametrize(
    ("given", "limit"), [({}, 300), ({"vehicleCountLimit": None}, None), ({"vehicleCountLimit": 20}, 20)]
)
async def test_an_update_tells_absent_null_and_a_value_apart(
    admin: Asking, given: dict[str, object], limit: int | None
) -> None:
    group_id = await new_group(admin, vehicleCountLimit=300, freeParkingMinutes=15)

    payload = await change(admin, UPDATE_GROUP, id=group_id, input=given)

    assert payload["userErrors"] == []
    assert (payload["lotGroup"]["vehicleCountLimit"], payload["lotGroup"]["freeParkingMinutes"]) == (limit, 15)


async def test_null_is_refused_where_a_value_is_needed(admin: Asking) -> None:
    group_id = await new_group(admin)
    document = f'mutation {{ updateLotGroup(id: "{group_id}", input: {{name: null}}) {{ userErrors {{ code }} }} }}'

    assert codes(await admin(document, actor=MANAGER)) == ["GRAPHQL_VALIDATION_FAILED"]
    answer = await admin(UPDATE_GROUP, {"id": group_id, "input": {"name": None}}, actor=MANAGER)
    assert codes(answer) == ["BAD_USER_INPUT"]


async def test_the_key_of_parking_logix_goes_in_and_never_comes_out(admin: Asking) -> None:
    group_id = await new_group(admin, parkingLogixKey="open sesame", parkingLogixName="Deck A")

    answer = await admin(UPDATE_GROUP, {"id": group_id, "input": {"parkingLogixKey": "sesame two"}}, actor=MANAGER)

    assert b"sesame" not in answer.to_json()
    assert answer.data is not None
    assert answer.data["updateLotGroup"]["lotGroup"]["hasParkingLogixKey"] is True
    payload = await change(admin, UPDATE_GROUP, id=group_id, input={"parkingLogixKey": None})
    assert payload["lotGroup"]["hasParkingLogixKey"] is False


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": " "}, "name_invalid", ["input", "name"]),
        ({"mapColor": "green"}, "lot_group.map_color_invalid", ["input", "mapColor"]),
        ({"point": {"latitude": 91, "longitude": 0}}, "map_point_invalid", ["input", "point", "latitude"]),
        ({"vehicleCountLimit": -1}, "limit_invalid", ["input", "vehicleCountLimit"]),
        ({"mistallLotId": "unknown"}, "lot_group.mistall_lot_not_found", ["input", "mistallLotId"]),
        ({"name": "Taken"}, "lot_group.name_taken", ["input", "name"]),
    ],
)
async def test_wrong_input_is_told_beside_its_field_and_changes_nothing(
    admin: Asking, given: dict[str, object], code: str, field: list[str]
) -> None:
    await new_group(admin, name="Taken")
    group_id = await new_group(admin)

    payload = await change(admin, UPDATE_GROUP, id=group_id, input={**given, "showOnMap": False})

    assert payload["lotGroup"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    found = await admin.data("query ($id: ID!) { lotGroup(id: $id) { showOnMap } }", {"id": group_id}, actor=MANAGER)
    assert found["lotGroup"] == {"showOnMap": True}


async def test_an_archived_group_is_gone_and_its_lots_stay(admin: Asking) -> None:
    group_id = await new_group(admin)
    lot_id = await new_lot(admin, lotGroupId=group_id)
    archive = "mutation ($id: ID!) { archiveLotGroup(id: $id) { lotGroup { id } userErrors { code } } }"

    assert await change(admin, archive, id=group_id) == {"lotGroup": None, "userErrors": []}

    again = await change(admin, archive, id=group_id)
    assert again["userErrors"] == [{"code": "lot_group.not_found"}]
    data = await admin.data(
        "query ($id: ID!) { lotGroups { id } lot(id: $id) { group { id } } }", {"id": lot_id}, actor=MANAGER
    )
    assert data == {"lotGroups": [], "lot": {"group": None}}


async def test_a_lot_is_created_changed_and_archived(parking: Parking, admin: Asking) -> None:
    tenant = parking.environment.tenant.number
    students = global_id("UserType", tenant, await parking.user_type("Students"))
    group_id = await new_group(admin)
    lot_id = await new_lot(admin, userTypeIds=[students], standardAllocated=5)

    changed = await change(
        admin, UPDATE_LOT, id=lot_id, input={"lotGroupId": group_id, "temporaryMaximum": 7, "visible": False}
    )

    assert changed == {
        "lot": {
            "id": lot_id,
            "name": "Lot 4",
            "shortName": "L4",
            "visible": False,
            "temporaryOnly": False,
            "standardAllocated": 5,
            "temporaryMaximum": 7,
            "latitude": None,
            "group": {"name": "Core"},
            "userTypes": [{"name": "Students"}],
        },
        "userErrors": [],
    }
    taken_out = await change(admin, UPDATE_LOT, id=lot_id, input={"lotGroupId": None, "userTypeIds": []})
    assert (taken_out["lot"]["group"], taken_out["lot"]["userTypes"]) == (None, [])
    archive = "mutation ($id: ID!) { archiveLot(id: $id) { userErrors { code } } }"
    assert await change(admin, archive, id=lot_id) == {"userErrors": []}
    data = await admin.data("query ($id: ID!) { lots { id } lot(id: $id) { id } }", {"id": lot_id}, actor=MANAGER)
    assert data == {"lots": [], "lot": None}


@pytest.mark.parametrize("what", ["another tenant's", "an unknown", "a group's", "a broken"])
async def test_the_id_of_no_lot_answers_always_the_same(
    campus: Campus, parking: Parking, admin: Asking, what: str
) -> None:
    tenant, row = parking.environment.tenant.number, await campus.lot()
    lot_id = {
        "another tenant's": global_id("Lot", tenant + 1, row),
        "an unknown": global_id("Lot", tenant, uuid7()),
        "a group's": global_id("LotGroup", tenant, row),
        "a broken": "????",
    }[what]

    payload = await change(admin, UPDATE_LOT, id=lot_id, input={"name": "Changed"})

    assert payload == {"lot": None, "userErrors": [{"code": "lot.not_found", "field": []}]}
    for field in ("lot", "node"):
        document = f"query ($id: ID!) {{ {field}(id: $id) {{ id ... on Lot {{ name }} }} }}"
        assert await admin.data(document, {"id": lot_id}, actor=MANAGER) == {field: None}
    assert [lot["name"] for lot in (await admin.data("{ lots { name } }", actor=MANAGER))["lots"]] == ["Lot 4"]


async def test_who_may_change_but_not_see_changes_and_sees_nothing(admin: Asking) -> None:
    answer = await admin(
        CREATE_LOT, {"input": {"name": "Lot 4", "shortName": "L4"}}, actor=staff(Permission.MANAGE_LOTS)
    )

    assert answer.data == {"createLot": {"lot": None, "userErrors": []}}
    assert codes(answer) == ["denied"]
    assert len((await admin.data("{ lots { name } }", actor=MANAGER))["lots"]) == 1


async def test_mistall_lots_are_listed_also_when_they_vanished(campus: Campus, admin: Asking) -> None:
    await campus.mistall(occupied=140)

    data = await admin.data("{ mistallLots { name externalId capacity occupied observedAt vanished } }", actor=MANAGER)

    assert data["mistallLots"] == [
        {
            "name": "North Garage",
            "externalId": "17",
            "capacity": 100,
            "occupied": 140,
            "observedAt": "2026-05-04T12:00:00.000Z",
            "vanished": False,
        }
    ]


async def test_pins_of_staff_are_those_of_the_map(campus: Campus, admin: Asking) -> None:
    await campus.group("Core")
    await campus.group("Not on the map", is_on_map=False)
    await campus.lot("Alone", point=MapPoint(1, 2))

    data = await admin.data("{ pins { __typename name } lotGroups { name showOnMap } }", actor=MANAGER)

    assert data["pins"] == [{"__typename": "LotGroup", "name": "Core"}, {"__typename": "Lot", "name": "Alone"}]
    assert len(data["lotGroups"]) == 2
