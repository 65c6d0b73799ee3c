"""Connections to third parties, on a real database: secrets go in, and only integrations get them out."""

import pytest
from sqlalchemy import select

from domain.groups import actions as groups
from domain.groups.models import LotGroup
from domain.groups.queries import keyed_groups
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.settings.actions import IntegrationChanges, change_integration
from domain.settings.errors import ConnectionMissing, EndpointInvalid
from domain.settings.models import Integration, Vendor
from domain.settings.queries import Connection, IntegrationView, integrations, open_connection
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.parking import Parking, staff, user

OFFICE = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS)
ENTERED: IntegrationChanges = {
    "is_enabled": True,
    "technical_contact": "Lot Sensors Inc., +1 555 0100",
    "live_endpoint": "https://api.mistall.example/v1",
    "live_user_name": "tomahawku",
    "live_password": "open sesame",
    "test_endpoint": "http://127.0.0.1:9001",
    "test_user_name": "test",
    "test_password": "test sesame",
}


async def change(parking: Parking, changes: IntegrationChanges, actor: Actor = OFFICE) -> None:
    async with parking.work(actor) as work:
        await change_integration(work, Vendor.MISTALL, **changes)


async def view(parking: Parking) -> IntegrationView:
    async with parking.reading(OFFICE) as snapshot:
        mistall, _logix = await integrations(snapshot)
        return mistall


async def opened(parking: Parking, *, is_production: bool) -> Connection:
    async with parking.work() as work:
        return await open_connection(work, Vendor.MISTALL, work.vault, is_production=is_production)


async def test_a_vendor_that_was_never_entered_is_listed_as_off(parking: Parking) -> None:
    mistall = await view(parking)

    assert (mistall.vendor, mistall.is_enabled, mistall.live.endpoint) == (Vendor.MISTALL, False, None)


async def test_live_is_for_production_and_test_for_everything_else(parking: Parking) -> None:
    await change(parking, ENTERED)

    live = await opened(parking, is_production=True)
    assert (live.endpoint, live.user_name, live.password) == (
        "https://api.mistall.example/v1",
        "tomahawku",
        "open sesame",
    )
    test = await opened(parking, is_production=False)
    assert (test.endpoint, test.user_name, test.password) == ("http://127.0.0.1:9001", "test", "test sesame")


async def test_live_credentials_never_stand_in_for_missing_test_ones(parking: Parking) -> None:
    await change(parking, ENTERED | {"test_endpoint": None})

    with pytest.raises(ConnectionMissing):
        await opened(parking, is_production=False)


async def test_a_connection_that_is_off_or_not_entered_can_not_be_opened(parking: Parking) -> None:
    with pytest.raises(ConnectionMissing):
        await opened(parking, is_production=True)
    await change(parking, ENTERED | {"is_enabled": False})
    with pytest.raises(ConnectionMissing):
        await opened(parking, is_production=True)


async def test_a_secret_is_stored_sealed_and_shown_nowhere(parking: Parking) -> None:
    await change(parking, ENTERED)

    async with parking.reading() as snapshot:
        (row,) = await snapshot.scalars(select(Integration))
    assert row.live_password is not None
    shown = (row.live_password, await view(parking), [(e.before, e.after) for e in await parking.audit()])
    assert "sesame" not in repr(shown)
    assert "sesame" not in repr(await opened(parking, is_production=True))
    assert (await view(parking)).live.has_password


async def test_a_change_leaves_what_is_absent_and_removes_what_is_none_or_empty(parking: Parking) -> None:
    await change(parking, ENTERED)
    await change(parking, {"live_user_name": None, "technical_contact": " "})

    mistall = await view(parking)
    assert (mistall.live.user_name, mistall.technical_contact) == (None, None)
    assert (mistall.is_enabled, mistall.live.has_password, mistall.test.user_name) == (True, True, "test")


async def test_another_host_blanks_the_stored_secret_of_its_side(parking: Parking) -> None:
    await change(parking, ENTERED)
    await change(parking, {"live_endpoint": "https://elsewhere.example/v1"})

    mistall = await view(parking)
    assert (mistall.live.has_password, mistall.test.has_password) == (False, True)


async def test_another_path_of_the_same_host_keeps_it(parking: Parking) -> None:
    await change(parking, ENTERED)
    await change(parking, {"live_endpoint": "https://api.mistall.example/v2"})

    assert (await view(parking)).live.has_password


async def test_a_secret_that_comes_with_the_new_host_is_kept(parking: Parking) -> None:
    await change(parking, ENTERED)
    await change(parking, {"live_endpoint": "https://elsewhere.example", "live_password": "new sesame"})

    assert (await opened(parking, is_production=True)).password == "new sesame"


async def test_a_change_is_audited_and_on_the_map(parking: Parking) -> None:
    await change(parking, ENTERED)
    parking.published.clear()
    await change(parking, {"is_enabled": False, "live_password": "other"})

    entry = (await parking.audit())[-1]
    assert (entry.action, entry.before, entry.after) == (
        "IntegrationChanged",
        {"is_enabled": True, "live_password": True},
        {"is_enabled": False, "live_password": True},
    )
    assert parking.published == [frozenset({"occupancy"})]


async def test_the_same_values_again_record_nothing(parking: Parking) -> None:
    await change(parking, {"is_enabled": True, "live_user_name": "tomahawku"})
    parking.published.clear()
    await change(parking, {"is_enabled": True, "live_user_name": " tomahawku "})

    assert parking.published == []


async def test_an_endpoint_that_is_none_is_refused_and_writes_nothing(parking: Parking) -> None:
    with pytest.raises(EndpointInvalid):
        await change(parking, ENTERED | {"live_endpoint": "file:///etc/passwd"})

    assert await parking.audit() == []
    assert not (await view(parking)).is_enabled


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.MANAGE_LOTS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_settings_are_for_who_may_see_or_manage_them(
    parking: Parking, actor: Actor, refusal: type[Exception]
) -> None:
    await change(parking, ENTERED)
    with pytest.raises(refusal):
        await change(parking, {"is_enabled": False}, actor)
    async with parking.reading(actor) as snapshot:
        with pytest.raises(refusal):
            await integrations(snapshot)
    async with parking.work(actor) as work:
        with pytest.raises(refusal):
            await open_connection(work, Vendor.MISTALL, work.vault, is_production=True)

    assert (await view(parking)).is_enabled


@pytest.mark.parametrize("side", ["live_endpoint", "test_endpoint"])
async def test_another_endpoint_of_parking_logix_takes_the_keys_of_the_groups_away(
    platform: Platform, tenant: Environment, side: str
) -> None:
    """Once whoever may change settings could have every group's key sent to an address of their own."""
    me = Actor.system("tests")

    async def move(endpoint: str) -> list[LotGroup]:
        changes: IntegrationChanges = (
            {"live_endpoint": endpoint} if side == "live_endpoint" else {"test_endpoint": endpoint}
        )
        async with platform.databases.work(tenant, me) as work:
            await change_integration(work, Vendor.PARKING_LOGIX, **changes)
        async with platform.databases.snapshot(tenant, me) as snapshot:
            return await snapshot.scalars(keyed_groups(me))

    await move("https://good.example")
    async with platform.databases.work(tenant, me) as work:
        await groups.create(work, "Arts", parking_logix_key="s3cret", parking_logix_name="Arts")

    assert len(await move("https://good.example/v2")) == 1, "the same peer may keep them"
    assert await move("https://evil.example") == []
