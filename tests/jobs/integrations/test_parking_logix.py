"""Update Parking Logix against a real HTTP peer: one call for each key, exact names, and keys that fail apart."""

from __future__ import annotations

import pytest
from sqlalchemy import RowMapping, select

from domain.groups import actions as groups
from domain.kernel.actor import Actor
from domain.occupancy.models import SensorLot
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from tenants.egress import Limits
from tenants.environments import Environment
from tests.fixtures.jobs import HURRIED, PATIENT, Desk
from tests.fixtures.simulators import Simulator
from tests.simulators.campus import ARTS_KEY, MOUNTAINEER_KEY

TASK = "update_parking_logix"


@pytest.fixture
async def university(desk: Desk, tenant: Environment, parking_logix: Simulator) -> Environment:
    """A tenant whose Parking Logix is enabled; it has no lot group yet."""
    await desk.furnish(tenant)
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        await change_integration(work, Vendor.PARKING_LOGIX, is_enabled=True, live_endpoint=parking_logix.endpoint)
    return tenant


async def add_group(desk: Desk, environment: Environment, name: str | None, key: str) -> None:
    """A lot group with the vendor's name and key."""
    async with desk.platform.databases.work(environment, Actor.system()) as work:
        await groups.create(work, f"Group {name} {key}", parking_logix_key=key, parking_logix_name=name)


async def polled(desk: Desk, environment: Environment, limits: Limits = PATIENT) -> RowMapping:
    """The run of one press of RUN, attempted once."""
    requested = await desk.press(environment, TASK)
    await desk.runner(limits=limits).run(requested.run_id)
    return await desk.run(requested.run_id)


async def free_spaces(desk: Desk, environment: Environment) -> dict[str, int | None]:
    """What is known by name."""
    snapshot = desk.platform.databases.snapshot(environment, Actor.system())
    found = await snapshot.scalars(select(SensorLot))
    await snapshot.end()
    return {lot.external_id: lot.free for lot in found}


async def test_free_spaces_come_by_exact_name_with_one_call_for_each_key(
    desk: Desk, university: Environment, parking_logix: Simulator
) -> None:
    for name in ("Mountaineer Garage", "Library Loop", "coliseum visitor"):
        await add_group(desk, university, name, MOUNTAINEER_KEY)
    await add_group(desk, university, "Arts Centre", ARTS_KEY)
    parking_logix.count(lotm1=300, lotm2=85, lota1=150)
    before = parking_logix.requests()["keys"]

    run = await polled(desk, university)

    after = parking_logix.requests()["keys"]
    assert run["state"] == "succeeded"
    assert await free_spaces(desk, university) == {"Mountaineer Garage": 80, "Library Loop": 5, "Arts Centre": -10}
    assert {key: after[key] - before.get(key, 0) for key in after} == {MOUNTAINEER_KEY: 1, ARTS_KEY: 1}
    assert (run["counters"]["read"], run["counters"]["created"], run["counters"]["skipped"]) == (4, 3, 1)


async def test_names_that_do_not_fit_are_counted_and_shown(
    desk: Desk, university: Environment, parking_logix: Simulator
) -> None:
    await add_group(desk, university, "Mountaineer garage", MOUNTAINEER_KEY)

    run = await polled(desk, university)

    told = {(line["code"], line["data"].get("name")) for line in await desk.lines(run["id"])}
    assert await free_spaces(desk, university) == {}
    assert run["counters"]["skipped"] == 3
    assert {("name_unmatched", "Mountaineer Garage"), ("name_missing", "Mountaineer garage")} <= told


async def test_a_key_that_is_refused_does_not_keep_the_others_back(
    desk: Desk, university: Environment, parking_logix: Simulator
) -> None:
    await add_group(desk, university, "Mountaineer Garage", "wrong-key")
    await add_group(desk, university, "Arts Centre", ARTS_KEY)

    run = await polled(desk, university)

    assert (run["state"], run["error_class"]) == ("failed", "vendor_unauthorised")
    assert list(await free_spaces(desk, university)) == ["Arts Centre"]
    assert run["counters"]["created"] == 1
    rows = [str(dict(row)) for row in await desk.rows("select * from platform.task_run_log")]
    assert rows
    assert not any("wrong-key" in row or ARTS_KEY in row for row in rows)


async def test_a_group_with_a_key_and_no_name_is_shown(
    desk: Desk, university: Environment, parking_logix: Simulator
) -> None:
    await add_group(desk, university, None, MOUNTAINEER_KEY)
    before = parking_logix.requests()["total"]

    run = await polled(desk, university)

    assert (run["state"], run["counters"]["skipped"]) == ("succeeded", 1)
    assert [line["code"] for line in await desk.lines(run["id"])] == ["group_without_name"]
    assert parking_logix.requests()["total"] == before


async def test_without_any_group_nobody_is_called(
    desk: Desk, university: Environment, parking_logix: Simulator
) -> None:
    before = parking_logix.requests()["total"]

    run = await polled(desk, university)

    assert run["state"] == "succeeded"
    assert parking_logix.requests()["total"] == before


@pytest.mark.parametrize("mode", ["wrong_type", "not_json", "huge", "half", "down", "500", "slow"])
async def test_no_fault_is_more_than_a_failed_run(
    desk: Desk, university: Environment, parking_logix: Simulator, mode: str
) -> None:
    await add_group(desk, university, "Mountaineer Garage", MOUNTAINEER_KEY)
    parking_logix.fault(mode, seconds=5)

    run = await polled(desk, university, HURRIED if mode == "slow" else PATIENT)

    assert run["state"] in {"failed", "queued"}
    assert run["error_class"].startswith("vendor_")
    assert await free_spaces(desk, university) == {}
