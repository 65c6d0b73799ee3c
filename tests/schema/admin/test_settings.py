"""Settings of integrations in the admin API: secrets go in and never come out."""

import pytest

from domain.kernel.actor import Permission
from domain.settings.models import Vendor
from domain.settings.queries import open_connection
from tests.fixtures.parking import Parking, staff
from tests.fixtures.schemas import Asking

OFFICE = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS)
SIDE = "{ endpoint userName hasPassword hasToken }"
UPDATE = f"""mutation ($input: UpdateIntegrationInput!) {{ updateIntegration(vendor: MISTALL, input: $input) {{
    integration {{ vendor enabled technicalContact live {SIDE} test {SIDE} }} userErrors {{ code field }} }} }}"""
LIVE = {"endpoint": "https://api.mistall.example", "userName": "tomahawku", "password": "open sesame"}
NOTHING = {"endpoint": None, "userName": None, "hasPassword": False, "hasToken": False}


async def update(admin: Asking, **given: object) -> dict[str, object]:
    payload = (await admin.data(UPDATE, {"input": given}, actor=OFFICE))["updateIntegration"]
    assert isinstance(payload, dict)
    return payload


async def test_every_vendor_is_listed_before_anything_is_entered(admin: Asking) -> None:
    data = await admin.data(f"{{ integrations {{ vendor enabled live {SIDE} }} }}", actor=OFFICE)

    assert data["integrations"] == [
        {"vendor": "MISTALL", "enabled": False, "live": NOTHING},
        {"vendor": "PARKING_LOGIX", "enabled": False, "live": NOTHING},
    ]


async def test_what_was_entered_is_shown_but_for_the_secrets(parking: Parking, admin: Asking) -> None:
    answer = await admin(UPDATE, {"input": {"enabled": True, "live": LIVE}}, actor=OFFICE)

    assert answer.data == {
        "updateIntegration": {
            "integration": {
                "vendor": "MISTALL",
                "enabled": True,
                "technicalContact": None,
                "live": {
                    "endpoint": "https://api.mistall.example",
                    "userName": "tomahawku",
                    "hasPassword": True,
                    "hasToken": False,
                },
                "test": NOTHING,
            },
            "userErrors": [],
        }
    }
    assert b"sesame" not in answer.to_json()
    async with parking.work() as work:
        connection = await open_connection(work, Vendor.MISTALL, work.vault, is_production=True)
    assert connection.password == "open sesame"


@pytest.mark.parametrize(
    ("given", "user_name"), [({}, "tomahawku"), ({"userName": None}, None), ({"userName": "other"}, "other")]
)
async def test_an_update_tells_absent_null_and_a_value_apart(
    admin: Asking, given: dict[str, object], user_name: str | None
) -> None:
    await update(admin, live=LIVE, technicalContact="Ann")

    payload = await update(admin, live=given)

    assert payload["integration"] == {
        "vendor": "MISTALL",
        "enabled": False,
        "technicalContact": "Ann",
        "live": {
            "endpoint": "https://api.mistall.example",
            "userName": user_name,
            "hasPassword": True,
            "hasToken": False,
        },
        "test": NOTHING,
    }


async def test_a_wrong_endpoint_is_told_beside_its_field_and_nothing_is_stored(admin: Asking) -> None:
    payload = await update(admin, enabled=True, test={"endpoint": "ftp://mistall.example"})

    assert payload == {
        "integration": None,
        "userErrors": [{"code": "settings.endpoint_invalid", "field": ["input", "test", "endpoint"]}],
    }
    data = await admin.data("{ integration(vendor: MISTALL) { enabled } }", actor=OFFICE)
    assert data == {"integration": {"enabled": False}}
