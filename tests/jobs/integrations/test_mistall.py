"""Update Mistall against a real HTTP peer: what is imported, and how each fault ends the run and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import RowMapping, select

from domain.kernel.actor import Actor
from domain.kernel.clock import utc_now
from domain.occupancy.models import SensorLot
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from opscom.platform import open_platform
from tenants.egress import Limits
from tenants.environments import Environment
from tenants.keys.rotation import new_data_keys
from tests.fixtures.jobs import HURRIED, PATIENT, Desk
from tests.fixtures.simulators import Simulator
from tests.patience import PATIENCE_S
from tests.simulators.campus import MISTALL_LOTS, MISTALL_PASSWORD, MISTALL_TOKEN, MISTALL_USER

TASK = "update_mistall"


@pytest.fixture
async def university(desk: Desk, tenant: Environment, mistall: Simulator) -> Environment:
    """A tenant that has entered its Mistall credentials."""
    await desk.furnish(tenant)
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        await change_integration(
            work,
            Vendor.MISTALL,
            is_enabled=True,
            live_endpoint=mistall.endpoint,
            live_user_name=MISTALL_USER,
            live_password=MISTALL_PASSWORD,
        )
    return tenant


async def polled(desk: Desk, environment: Environment, limits: Limits = PATIENT) -> RowMapping:
    """The run of one press of RUN, attempted once."""
    requested = await desk.press(environment, TASK)
    await desk.runner(limits=limits).run(requested.run_id)
    return await desk.run(requested.run_id)


async def lots(desk: Desk, environment: Environment) -> dict[str, SensorLot]:
    """The imported lots by Mistall's id."""
    snapshot = desk.platform.databases.snapshot(environment, Actor.system())
    found = await snapshot.scalars(select(SensorLot))
    await snapshot.end()
    return {lot.external_id: lot for lot in found}


async def test_the_first_run_imports_the_lots_with_their_counts(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    mistall.count(lot11=461, lot12=-3)

    run = await polled(desk, university)

    found = await lots(desk, university)
    assert run["state"] == "succeeded"
    assert run["counters"] == {"read": 5, "created": 5, "updated": 0, "unchanged": 0, "skipped": 0, "failed": 0}
    assert {lot.name for lot in found.values()} == {lot.name for lot in MISTALL_LOTS}
    assert (found["11"].capacity, found["11"].occupied, found["12"].occupied) == (450, 461, -3)
    assert utc_now() - found["11"].observed_at < timedelta(seconds=PATIENCE_S)
    assert [line["code"] for line in await desk.lines(run["id"])] == ["recorded"]


async def test_a_token_is_used_instead_of_a_password(desk: Desk, university: Environment, mistall: Simulator) -> None:
    async with desk.platform.databases.work(university, Actor.system()) as work:
        await change_integration(work, Vendor.MISTALL, live_token=MISTALL_TOKEN, live_password=None)

    assert (await polled(desk, university))["state"] == "succeeded"
    assert mistall.requests()["keys"]["Bearer"] == 1


async def test_a_secret_of_a_newer_key_than_the_worker_knows_is_read_by_the_next_attempt(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    """A worker that had missed the note of the rotation once ended the run for good."""
    async with open_platform(desk.platform.settings, follow=False) as deaf:
        await deaf.registry.load()
        await new_data_keys(desk.platform.databases, actor="ann")
        await desk.platform.registry.load()
        async with desk.platform.databases.work(university, Actor.system()) as work:
            await change_integration(work, Vendor.MISTALL, live_password=MISTALL_PASSWORD)
        worker = Desk(deaf, desk.ledger)

        first = await polled(worker, university)
        await desk.execute("update platform.task_run set not_before = now()")
        await worker.runner().run(first["id"])

    assert (first["state"], first["error_class"]) == ("queued", "secret.unreadable")
    assert (await desk.run(first["id"]))["state"] == "succeeded"
    assert mistall.requests()["keys"] == {"Basic": 1}


async def test_a_changed_count_is_taken_over(desk: Desk, university: Environment, mistall: Simulator) -> None:
    await polled(desk, university)
    mistall.count(lot11=12)

    run = await polled(desk, university)

    assert run["counters"]["updated"] == 5
    assert (await lots(desk, university))["11"].occupied == 12


@pytest.mark.parametrize(
    ("fault", "error_class", "is_tried_again"),
    [
        ({"mode": "401"}, "vendor_unauthorised", False),
        ({"mode": "500"}, "vendor_error", True),
        ({"mode": "429", "retry_after": 1}, "vendor_throttled", True),
        ({"mode": "429", "retry_after": 3600}, "vendor_throttled", False),
        ({"mode": "slow", "seconds": 5}, "vendor_timeout", True),
        ({"mode": "down"}, "vendor_unreachable", True),
        ({"mode": "half"}, "vendor_unreachable", True),
        ({"mode": "huge"}, "vendor_too_large", False),
        ({"mode": "not_json"}, "vendor_invalid_answer", False),
        ({"mode": "wrong_type"}, "vendor_invalid_answer", False),
        ({"mode": "redirect"}, "vendor_rejected", False),
    ],
    ids=lambda value: value["mode"] if isinstance(value, dict) else "",
)
async def test_a_fault_ends_the_attempt_with_its_class_and_changes_nothing(  # noqa: PLR0917
    desk: Desk,
    university: Environment,
    mistall: Simulator,
    fault: dict[str, Any],
    error_class: str,
    is_tried_again: bool,
) -> None:
    await polled(desk, university)
    before = {key: (lot.occupied, lot.polled_at) for key, lot in (await lots(desk, university)).items()}
    mistall.fault(**fault)

    run = await polled(desk, university, HURRIED if fault["mode"] == "slow" else PATIENT)

    assert run["error_class"] == error_class
    assert run["error_message"]
    assert run["state"] == ("queued" if is_tried_again else "failed")
    assert (await desk.lines(run["id"]))[-1]["code"] == error_class
    assert {key: (lot.occupied, lot.polled_at) for key, lot in (await lots(desk, university)).items()} == before


async def test_a_passing_fault_is_tried_three_times_and_then_ends_the_run(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    mistall.fault("500")
    requested = await desk.press(university, TASK)

    for _ in range(5):
        await desk.execute("update platform.task_run set not_before = now()")
        await desk.runner().run(requested.run_id)

    run = await desk.run(requested.run_id)
    assert (run["state"], run["attempt"], run["error_class"]) == ("failed", 3, "vendor_error")
    assert [line["data"]["attempt"] for line in await desk.lines(run["id"])] == [1, 2, 3]


async def test_a_fault_that_passes_leaves_a_run_that_succeeds(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    mistall.fault("down", times=2)
    requested = await desk.press(university, TASK)

    for _ in range(3):
        await desk.execute("update platform.task_run set not_before = now()")
        await desk.runner().run(requested.run_id)

    run = await desk.run(requested.run_id)
    assert (run["state"], run["attempt"], run["error_class"]) == ("succeeded", 3, None)


async def test_duplicates_and_late_readings_change_nothing(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    mistall.count(lot11=100)
    mistall.fault("duplicate")
    first = await polled(desk, university)
    mistall.count(lot11=400)
    mistall.fault("reordered")

    second = await polled(desk, university)

    assert (first["counters"]["read"], first["counters"]["created"]) == (20, 5)
    assert (second["state"], second["counters"]["updated"], second["counters"]["unchanged"]) == ("succeeded", 0, 5)
    assert (await lots(desk, university))["11"].occupied == 100


async def test_one_unreadable_lot_is_counted_and_makes_no_lot_vanish(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    await polled(desk, university)
    mistall.fault("one_bad")

    run = await polled(desk, university)

    assert (run["state"], run["counters"]["failed"], run["counters"]["updated"]) == ("succeeded", 1, 4)
    assert not any(lot.is_vanished for lot in (await lots(desk, university)).values())
    assert (await desk.lines(run["id"]))[0]["data"] == {"position": 4, "reason": "occupied is no whole number"}


async def test_a_lot_missing_from_a_good_answer_vanishes_and_an_empty_answer_is_not_believed(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    await polled(desk, university)
    mistall.fault("empty")
    empty = await polled(desk, university)
    after_empty = await lots(desk, university)
    mistall.fault("missing")

    await polled(desk, university)

    assert empty["state"] == "succeeded"
    assert [line["code"] for line in await desk.lines(empty["id"])] == ["empty_answer"]
    assert not any(lot.is_vanished for lot in after_empty.values())
    assert [key for key, lot in (await lots(desk, university)).items() if lot.is_vanished] == ["11"]


async def test_an_integration_that_is_switched_off_is_not_called(
    desk: Desk, university: Environment, mistall: Simulator
) -> None:
    before = mistall.requests()["total"]
    async with desk.platform.databases.work(university, Actor.system()) as work:
        await change_integration(work, Vendor.MISTALL, is_enabled=False)

    run = await polled(desk, university)

    assert (run["state"], run["error_class"]) == ("failed", "settings.connection_missing")
    assert mistall.requests()["total"] == before


async def test_no_secret_is_written_anywhere(desk: Desk, university: Environment, mistall: Simulator) -> None:
    for fault in ("401", "500", "not_json", "ok"):
        mistall.fault(fault)
        await polled(desk, university)
        await desk.execute("update platform.task_run set state = 'failed' where state = 'queued'")

    written = [
        str(dict(row))
        for table in ("task_run", "task_run_log", "task_schedule")
        for row in await desk.rows(f"select * from platform.{table}")
    ]

    assert len(written) > 8
    assert not any(MISTALL_PASSWORD in row or MISTALL_USER in row for row in written)
