"""Lot zones in the admin API."""

from typing import Any

import pytest

from domain.kernel.actor import Permission
from schema.ids import global_id
from tests.fixtures.parking import Parking, staff
from tests.fixtures.pins import Campus
from tests.fixtures.schemas import Asking, codes

MANAGER = staff(Permission.VIEW_LOTS, Permission.MANAGE_LOTS)
CREATE = """mutation ($input: CreateZoneInput!) { createZone(input: $input) {
    zone { id longName shortName } userErrors { code field } } }"""
UPDATE = """mutation ($id: ID!, $input: UpdateZoneInput!) { updateZone(id: $id, input: $input) {
    zone { longName shortName } userErrors { code field } } }"""
LINK = """lotZone { id zone { longName } weekdays startTime endTime firstDay lastDay } userErrors { code field } """
BY_DAYS = f"mutation ($input: AddLotZoneByDaysInput!) {{ addLotZoneByDays(input: $input) {{ {LINK} }} }}"
BY_DATES = f"mutation ($input: AddLotZoneByDatesInput!) {{ addLotZoneByDates(input: $input) {{ {LINK} }} }}"
WEEK = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


async def change(admin: Asking, document: str, **variables: object) -> dict[str, Any]:
    (payload,) = (await admin.data(document, variables, actor=MANAGER)).values()
    assert isinstance(payload, dict)
    return payload


@pytest.fixture
async def lot_id(campus: Campus, parking: Parking) -> str:
    return global_id("Lot", parking.environment.tenant.number, await campus.lot())


@pytest.fixture
async def zone_id(admin: Asking, lot_id: str) -> str:
    del lot_id  # one environment
    payload = await change(admin, CREATE, input={"longName": "1001", "shortName": "Z1"})
    return str(payload["zone"]["id"])


async def test_a_zone_holds_all_week_and_all_day_by_default(admin: Asking, lot_id: str, zone_id: str) -> None:
    payload = await change(admin, BY_DAYS, input={"lotId": lot_id, "zoneId": zone_id})

    link = payload["lotZone"]
    assert (link["zone"], link["weekdays"]) == ({"longName": "1001"}, WEEK)
    assert (link["startTime"], link["endTime"], link["firstDay"]) == ("00:00", "23:59", None)


async def test_a_zone_holds_by_days_and_by_dates(admin: Asking, lot_id: str, zone_id: str) -> None:
    days = {"weekdays": ["MONDAY", "FRIDAY"], "startTime": "09:00", "endTime": "17:30"}
    dates = {"firstDay": "2026-09-01", "lastDay": "2027-05-31"}
    await change(admin, BY_DAYS, input={"lotId": lot_id, "zoneId": zone_id, **days})
    await change(admin, BY_DATES, input={"lotId": lot_id, "zoneId": zone_id, **dates})

    data = await admin.data(
        "{ lots { zones { weekdays startTime endTime firstDay lastDay } } zones { lots { name } } }", actor=MANAGER
    )

    nothing = {"weekdays": None, "startTime": None, "endTime": None, "firstDay": None, "lastDay": None}
    assert data["lots"] == [{"zones": [nothing | days, nothing | dates]}]
    assert data["zones"] == [{"lots": [{"name": "Lot 4"}]}]


async def test_a_link_can_be_taken_back_once(admin: Asking, lot_id: str, zone_id: str) -> None:
    payload = await change(admin, BY_DAYS, input={"lotId": lot_id, "zoneId": zone_id})
    remove = "mutation ($id: ID!) { removeLotZone(id: $id) { userErrors { code } } }"

    assert await change(admin, remove, id=payload["lotZone"]["id"]) == {"userErrors": []}
    again = await change(admin, remove, id=payload["lotZone"]["id"])
    assert again == {"userErrors": [{"code": "zone.link_not_found"}]}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"startTime": "17:00", "endTime": "09:00"}, ("zone.validity_invalid", "endTime")),
        ({"weekdays": []}, ("zone.validity_invalid", "weekdays")),
        ({"lotId": "unknown"}, ("lot.not_found", "lotId")),
        ({"zoneId": "unknown"}, ("zone.not_found", "zoneId")),
    ],
)
async def test_wrong_input_is_told_beside_its_field(
    admin: Asking, lot_id: str, zone_id: str, given: dict[str, object], error: tuple[str, str]
) -> None:
    payload = await change(admin, BY_DAYS, input={"lotId": lot_id, "zoneId": zone_id, **given})

    assert payload == {"lotZone": None, "userErrors": [{"code": error[0], "field": ["input", error[1]]}]}


@pytest.mark.parametrize("wrong", ["9:00", "09:00:00", "24:00", "nine", 9])
async def test_a_time_that_is_none_is_refused(admin: Asking, lot_id: str, zone_id: str, wrong: object) -> None:
    variables = {"input": {"lotId": lot_id, "zoneId": zone_id, "startTime": wrong}}

    assert codes(await admin(BY_DAYS, variables, actor=MANAGER)) == ["BAD_USER_INPUT"]


async def test_an_update_leaves_what_is_absent(admin: Asking, zone_id: str) -> None:
    payload = await change(admin, UPDATE, id=zone_id, input={"shortName": "HotSpot"})

    assert payload == {"zone": {"longName": "1001", "shortName": "HotSpot"}, "userErrors": []}


async def test_a_taken_name_is_told_and_an_archived_zone_frees_it(admin: Asking, zone_id: str) -> None:
    taken = await change(admin, CREATE, input={"longName": "1001", "shortName": "Z2"})
    assert taken["userErrors"] == [{"code": "zone.name_taken", "field": ["input", "longName"]}]

    archive = "mutation ($id: ID!) { archiveZone(id: $id) { zone { id } userErrors { code } } }"
    assert await change(admin, archive, id=zone_id) == {"zone": None, "userErrors": []}
    freed = await change(admin, CREATE, input={"longName": "1001", "shortName": "Z2"})
    assert freed["userErrors"] == []
