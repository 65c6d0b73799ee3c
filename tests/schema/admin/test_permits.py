"""Permits in the admin API: issuing, ending, and reading them in pages."""

from typing import Any

import pytest

from domain.kernel.actor import Permission
from domain.permits.models import PermitKind
from schema.ids import global_id
from tests.fixtures.parking import Parking, staff
from tests.fixtures.pins import Campus
from tests.fixtures.schemas import Asking, codes

CLERK = staff(Permission.VIEW_PERMITS, Permission.MANAGE_PERMITS, Permission.VIEW_LOTS)
ISSUE = """mutation ($input: IssuePermitInput!) { issuePermit(input: $input) {
    permit { id kind state plate plateNormalised startsAt endsAt holderId lot { name } }
    userErrors { code field } } }"""
EXPIRE = "mutation ($id: ID!) { expirePermit(id: $id) { permit { state } userErrors { code } } }"
PAGE = """query ($first: Int, $after: String, $filter: PermitFilter) {
    permits(first: $first, after: $after, filter: $filter) {
      edges { cursor node { plate } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
PAGE = PAGE.replace("$first: Int,", "$first: Int! = 50,")
TIMES = {"startsAt": "2026-05-04T08:00:00-04:00", "endsAt": "2026-05-04T14:00:00Z"}


@pytest.fixture
async def lot_id(campus: Campus, parking: Parking) -> str:
    row = await campus.lot(temporary_maximum=9, standard_allocated=1)
    return global_id("Lot", parking.environment.tenant.number, row)


async def issue(admin: Asking, lot_id: str, **given: object) -> dict[str, Any]:
    typed = {"lotId": lot_id, "kind": "TEMPORARY", "plate": "abc 123", **TIMES, **given}
    payload = (await admin.data(ISSUE, {"input": typed}, actor=CLERK))["issuePermit"]
    assert isinstance(payload, dict)
    return payload


async def test_an_issued_permit_answers_with_what_was_said(admin: Asking, lot_id: str) -> None:
    payload = await issue(admin, lot_id)

    permit = payload["permit"]
    assert payload["userErrors"] == []
    assert (permit["kind"], permit["state"], permit["lot"]) == ("TEMPORARY", "ISSUED", {"name": "Lot 4"})
    assert (permit["plate"], permit["plateNormalised"], permit["holderId"]) == ("abc 123", "ABC123", None)
    assert (permit["startsAt"], permit["endsAt"]) == ("2026-05-04T12:00:00.000Z", "2026-05-04T14:00:00.000Z")


async def test_a_standard_permit_can_be_reserved(admin: Asking, lot_id: str) -> None:
    assert (await issue(admin, lot_id, kind="STANDARD", reserved=True))["permit"]["state"] == "RESERVED"


async def test_a_permit_ends_once(admin: Asking, lot_id: str) -> None:
    permit_id = (await issue(admin, lot_id))["permit"]["id"]

    ended = await admin.data(EXPIRE, {"id": permit_id}, actor=CLERK)
    assert ended["expirePermit"] == {"permit": {"state": "EXPIRED"}, "userErrors": []}
    again = await admin.data(EXPIRE, {"id": permit_id}, actor=CLERK)
    assert again["expirePermit"] == {"permit": None, "userErrors": [{"code": "permit.expired"}]}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"plate": "--"}, "permit.plate_invalid", ["input", "plate"]),
        ({"plate": "A\0B"}, "permit.plate_invalid", ["input", "plate"]),
        ({"endsAt": TIMES["startsAt"]}, "permit.times_invalid", ["input", "endsAt"]),
        ({"lotId": "unknown"}, "lot.not_found", ["input", "lotId"]),
        ({"holderId": "unknown"}, "permit.holder_not_found", ["input", "holderId"]),
    ],
)
async def test_wrong_input_is_told_beside_its_field(
    admin: Asking, lot_id: str, given: dict[str, object], code: str, field: list[str]
) -> None:
    payload = await issue(admin, lot_id, **given)

    assert payload == {"permit": None, "userErrors": [{"code": code, "field": field}]}


@pytest.mark.parametrize("wrong", ["2026-05-04T12:00:00", "2026-05-04", "tomorrow", "2026-13-01T00:00:00Z", 5])
async def test_a_moment_without_an_offset_is_refused(admin: Asking, lot_id: str, wrong: object) -> None:
    typed = {"lotId": lot_id, "kind": "TEMPORARY", "plate": "abc 123", **TIMES, "startsAt": wrong}

    assert codes(await admin(ISSUE, {"input": typed}, actor=CLERK)) == ["BAD_USER_INPUT"]


async def test_permits_are_read_in_pages_the_newest_first(admin: Asking, lot_id: str) -> None:
    for number in range(5):
        await issue(admin, lot_id, plate=f"P{number}")

    pages: list[dict[str, Any]] = []
    for _page in range(3):
        after = pages[-1]["pageInfo"]["endCursor"] if pages else None
        pages.append((await admin.data(PAGE, {"first": 2, "after": after}, actor=CLERK))["permits"])

    plates = [edge["node"]["plate"] for page in pages for edge in page["edges"]]
    assert plates == ["P4", "P3", "P2", "P1", "P0"]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]


async def test_a_page_is_one_statement(campus: Campus, admin: Asking, lot_id: str) -> None:
    for number in range(3):
        await issue(admin, lot_id, plate=f"P{number}")

    with campus.parking.counting() as statements:
        await admin.data("{ permits { edges { node { plate lot { name } } } } }", actor=CLERK)

    # the page, and the two of the map for all lots at once
    assert len([text for text in statements if text.startswith("SELECT")]) == 3, statements


@pytest.mark.parametrize(
    ("wanted", "plates"),
    [
        ({"plate": "p-1"}, ["P1"]),
        ({"kind": "STANDARD"}, ["P0"]),
        ({"state": "ISSUED"}, ["P1"]),
        ({"lotId": "unknown"}, []),
        ({"kind": None}, ["P1", "P0"]),
    ],
)
async def test_permits_can_be_filtered(
    admin: Asking, lot_id: str, wanted: dict[str, object], plates: list[str]
) -> None:
    for number, kind in enumerate((PermitKind.STANDARD, PermitKind.TEMPORARY)):
        await issue(admin, lot_id, plate=f"P{number}", kind=kind.name)

    page = (await admin.data(PAGE, {"filter": wanted}, actor=CLERK))["permits"]

    assert [edge["node"]["plate"] for edge in page["edges"]] == plates


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"first": 0}, "page_invalid"),
        ({"first": 101}, "page_invalid"),
        ({"after": "nonsense"}, "cursor_invalid"),
        ({"after": "\u00e9"}, "cursor_invalid"),
        ({"filter": {"plate": "--"}}, "permit.plate_invalid"),
    ],
)
async def test_a_page_that_is_none_is_refused(admin: Asking, wrong: dict[str, object], code: str) -> None:
    assert codes(await admin(PAGE, wrong, actor=CLERK)) == [code]
