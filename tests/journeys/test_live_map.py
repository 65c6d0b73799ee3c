"""The main story: a vendor's count changes, staff press RUN, and everybody who watches sees it, each in their own view."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from time import monotonic

import pytest

from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Json, Product, Site, until
from tests.fixtures.simulators import Simulator
from tests.patience import patience
from tests.simulators.campus import MISTALL_PASSWORD, MISTALL_USER

CONNECT = """
mutation($connection: ConnectionInput!) {
  updateIntegration(vendor: MISTALL, input: {enabled: true, live: $connection}) { userErrors { code message field } }
}"""
ENABLE = 'mutation { setSystemTaskEnabled(name: "update_mistall", enabled: true) { userErrors { code } } }'
RUN = 'mutation { runSystemTask(name: "update_mistall") { isNew run { id state } userErrors { code message } } }'
RUN_STATE = "query($id: ID!) { systemTaskRun(id: $id) { state errorClass errorMessage } }"
GROUP = """
mutation($lot: ID!) {
  createLotGroup(input: {name: "North", mapColor: "#336699", showOnMap: true, mistallLotId: $lot,
                         point: {latitude: 45.0, longitude: -75.0}}) { lotGroup { id } userErrors { code message } }
}"""
AS_GUEST = """
subscription { occupancy { pins { id name ... on LotGroup { occupancy { percentFull source stale } } } } }"""
AS_STAFF = """
subscription { occupancy { pins { id name ... on LotGroup { occupancy { capacity occupied available source stale } } } } }"""


@pytest.fixture
async def admin(product: Product, make_tenant: MakeTenant, mistall: Simulator) -> Site:
    """A tenant whose administrator entered the vendor's credentials and made a group for one of its lots."""
    site = await product.admin(await make_tenant())
    connection = {"endpoint": mistall.endpoint, "userName": MISTALL_USER, "password": MISTALL_PASSWORD}
    answer = await site.data("/admin/graphql", CONNECT, connection=connection)
    assert answer["updateIntegration"]["userErrors"] == []
    await site.data("/admin/graphql", ENABLE)
    mistall.count(lot11=45)
    assert (await run_mistall(site))["state"] == "SUCCEEDED"
    lots = (await site.data("/admin/graphql", "{ mistallLots { id name externalId } }"))["mistallLots"]
    wanted = next(lot["id"] for lot in lots if lot["externalId"] == "11")
    answer = await site.data("/admin/graphql", GROUP, lot=wanted)
    assert answer["createLotGroup"]["userErrors"] == []
    return site


async def run_mistall(site: Site) -> Json:
    """Press RUN and wait for the run's end."""
    run = (await site.data("/admin/graphql", RUN))["runSystemTask"]["run"]
    async with patience():
        while True:
            state: Json = (await site.data("/admin/graphql", RUN_STATE, id=run["id"]))["systemTaskRun"]
            if state["state"] not in {"QUEUED", "RUNNING"}:
                return state
            await asyncio.sleep(0.02)


def donut(state: Json) -> Json:
    """The occupancy of the one pin in a state."""
    (pin,) = state["data"]["occupancy"]["pins"]
    occupancy: Json = pin["occupancy"]
    return occupancy


async def test_a_changed_count_reaches_a_guest_and_an_admin_each_in_their_own_view(
    product: Product, admin: Site, mistall: Simulator
) -> None:
    guest = product.site(admin.environment)
    async with guest.socket("/graphql", AS_GUEST) as seen, admin.stream("/admin/graphql", AS_STAFF) as counted:
        assert donut(await until(seen, bool)) == {"percentFull": 10, "source": "MISTALL", "stale": False}
        assert donut(await until(counted, bool))["occupied"] == 45

        mistall.count(lot11=360)
        ended = await run_mistall(admin)

        assert ended["state"] == "SUCCEEDED", ended
        shown = donut(await until(seen, lambda state: donut(state)["percentFull"] == 80))
        numbers = donut(await until(counted, lambda state: donut(state)["occupied"] == 360))
    assert shown == {"percentFull": 80, "source": "MISTALL", "stale": False}
    assert numbers == {"capacity": 450, "occupied": 360, "available": 90, "source": "MISTALL", "stale": False}


async def test_a_guest_is_never_shown_numbers(product: Product, admin: Site) -> None:
    guest = product.site(admin.environment)

    portal = await guest.ask("/graphql", "{ lotGroups { occupancy { occupied } } }")
    refused = await guest.ask("/admin/graphql", "{ lotGroups { name occupancy { occupied } } }")

    assert portal["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert refused["errors"][0]["extensions"]["code"] == "login_required"
    assert refused["data"] == {"lotGroups": None}


async def test_a_vendor_that_is_down_ends_the_run_failed_and_nothing_else_suffers(
    product: Product, admin: Site, mistall: Simulator
) -> None:
    mistall.fault("401")

    ended = await run_mistall(admin)

    assert (ended["state"], ended["errorClass"]) == ("FAILED", "vendor_unauthorised")
    assert ended["errorMessage"]
    guest = product.site(admin.environment)
    groups = (await guest.data("/graphql", "{ lotGroups { name occupancy { percentFull } } }"))["lotGroups"]
    assert groups == [{"name": "North", "occupancy": {"percentFull": 10}}]


async def test_a_thousand_viewers_cost_one_execution_a_change(
    product: Product, admin: Site, mistall: Simulator
) -> None:
    guest = product.site(admin.environment)
    counters = product.gateway.hub.counters
    async with AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(guest.socket("/graphql", AS_GUEST)) for _ in range(1_000)]
        for viewer in viewers:
            await until(viewer, bool)
        before, began = counters.executions, monotonic()
        assert len(product.gateway.hub.feeds) == 1

        mistall.count(lot11=225)
        await run_mistall(admin)
        states = [await until(viewer, lambda state: donut(state)["percentFull"] == 50) for viewer in viewers]

        executions, lasted = counters.executions - before, monotonic() - began
    assert len({str(state) for state in states}) == 1
    # One for the change; the feed's own refresh every 15 s may have come in between.
    assert 1 <= executions <= 3 + lasted // 15


async def test_another_tenants_site_hears_nothing(
    product: Product, admin: Site, mistall: Simulator, make_tenant: MakeTenant
) -> None:
    stranger = product.site(await make_tenant())
    async with stranger.socket("/graphql", AS_GUEST) as heard:
        assert (await until(heard, bool))["data"]["occupancy"]["pins"] == []

        mistall.count(lot11=300)
        await run_mistall(admin)

        assert heard.empty()


async def test_an_admins_cookie_is_nobody_on_another_tenants_site(
    product: Product, admin: Site, make_tenant: MakeTenant
) -> None:
    other = Site(await make_tenant(), product.port, admin.cookie)

    answer = await other.ask("/admin/graphql", "{ systemTasks { name } }")

    assert answer["errors"][0]["extensions"]["code"] == "login_required"
