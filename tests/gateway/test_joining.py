"""What it costs to come in, and who is told first that there is no room."""

from uuid import uuid4

from gateway.live.caps import Attendance, Caps
from tests.fixtures.counted import counted
from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Product, until
from tests.gateway.asking import FakeSocket, connected, scope_of
from tests.gateway.toy import MakeToy

LIVE = "subscription { occupancy { pins { id } } }"


async def test_a_guest_who_joins_costs_no_statement(product: Product, make_tenant: MakeTenant) -> None:
    ann = await product.admin(await make_tenant())
    guest = product.site(ann.environment)
    databases = product.platform.databases
    engine = databases._engine(databases._address(ann.environment.cell), "app")  # noqa: SLF001 - as Parking.counting
    async with guest.socket("/graphql", LIVE) as first:
        await until(first, bool)
        with counted(engine) as by_guests:
            async with guest.socket("/graphql", LIVE) as second, guest.stream("/graphql", LIVE) as third:
                joined = [await until(second, bool), await until(third, bool)]
        with counted(engine) as by_staff:
            async with ann.socket("/admin/graphql", LIVE) as fourth:
                await until(fourth, bool)

    assert joined == [{"data": {"occupancy": {"pins": []}}}] * 2
    assert by_guests == []
    assert by_staff != []


def test_the_environments_cap_is_looked_at_first_then_the_total_then_the_addresses() -> None:
    here, there = uuid4(), uuid4()
    attendance = Attendance(Caps(viewers_per_environment=2, viewers=3, viewers_per_address=2))
    for _ in range(2):
        attendance.enter(here, "192.0.2.1")
    assert attendance.full(here, "192.0.2.1") == "environment"
    assert attendance.full(there, "192.0.2.1") == "address"
    assert attendance.full(there, "192.0.2.2") is None

    attendance.enter(there, "192.0.2.2")
    assert attendance.full(here, "192.0.2.1") == "environment"
    assert attendance.full(there, "192.0.2.1") == "total"

    attendance.leave(here, "192.0.2.1")
    assert attendance.full(here, "192.0.2.1") is None


def test_any_number_may_come_from_an_exempt_network_as_far_as_there_is_room() -> None:
    here = uuid4()
    attendance = Attendance(Caps(viewers_per_environment=3, viewers_per_address=1))
    for _ in range(2):
        attendance.enter(here, "")
    assert attendance.full(here, "") is None

    attendance.enter(here, "")
    assert attendance.full(here, "") == "environment"


async def test_who_is_refused_is_counted_by_what_was_full(make_toy: MakeToy) -> None:
    toy = make_toy(caps=Caps(viewers_per_address=1, viewers=2))
    async with connected(toy.app):
        await toy.app(scope_of("websocket"), (first := FakeSocket()).receive, first.send)
        async with connected(toy.app, client="198.51.100.2"):
            await toy.app(scope_of("websocket"), (second := FakeSocket()).receive, second.send)

    assert [peer.outgoing[0]["status"] for peer in (first, second)] == [503, 503]
    assert toy.hub.counters.refused == {"address": 1, "total": 1}
