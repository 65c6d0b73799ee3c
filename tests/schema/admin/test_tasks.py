"""System tasks in the admin API: the list, RUN, the switch, runs and their logs."""

from typing import Any

import pytest
from sqlalchemy import select

from domain.kernel.actor import Permission
from domain.kernel.ids import uuid7
from domain.kernel.ledger import TaskRun, TaskRunLog
from domain.tasks.catalogue import CATALOGUE
from schema.ids import global_id, read_id
from tests.fixtures.parking import Parking, staff
from tests.fixtures.schemas import Asking, codes

CLERK = staff(Permission.VIEW_SYSTEM_TASKS, Permission.RUN_SYSTEM_TASKS)
RUN = """mutation ($name: String!) { runSystemTask(name: $name) {
    run { id task trigger state attempt counters { name count } } isNew userErrors { code } } }"""
SWITCH = """mutation ($name: String!, $enabled: Boolean!) { setSystemTaskEnabled(name: $name, enabled: $enabled) {
    systemTask { name enabled nextRunAt } userErrors { code } } }"""


async def press_run(admin: Asking, name: str = "update_mistall") -> dict[str, Any]:
    payload = (await admin.data(RUN, {"name": name}, actor=CLERK))["runSystemTask"]
    assert isinstance(payload, dict)
    return payload


async def test_the_list_has_every_task_in_its_order_in_one_statement(parking: Parking, admin: Asking) -> None:
    with parking.counting() as statements:
        data = await admin.data(
            "{ systemTasks { name title section switchedBy enabled rule nextRunAt averageSeconds lastRun { id } } }",
            actor=CLERK,
        )

    assert [task["name"] for task in data["systemTasks"]] == list(CATALOGUE)
    assert data["systemTasks"][0] == {
        "name": "update_mistall",
        "title": "Update Mistall",
        "section": "RECURRING",
        "switchedBy": "CLIENT",
        "enabled": False,
        "rule": "every 600",
        "nextRunAt": None,
        "averageSeconds": None,
        "lastRun": None,
    }
    assert len([text for text in statements if text.startswith("SELECT")]) == 1, statements


async def test_run_answers_with_the_unfinished_run_when_it_is_pressed_again(admin: Asking) -> None:
    first, second = await press_run(admin), await press_run(admin)

    assert (first["isNew"], second["isNew"]) == (True, False)
    assert first["run"] == second["run"]
    assert (first["run"]["task"], first["run"]["trigger"], first["run"]["state"]) == (
        "update_mistall",
        "BUTTON",
        "QUEUED",
    )


async def test_an_unknown_task_is_told(admin: Asking) -> None:
    assert await press_run(admin, "update_everything") == {
        "run": None,
        "isNew": False,
        "userErrors": [{"code": "task.not_found"}],
    }


async def test_a_task_of_the_platforms_staff_is_not_for_the_client(admin: Asking) -> None:
    answer = await admin(RUN, {"name": "update_parking_logix"}, actor=CLERK)

    assert codes(answer) == ["task.staff_only"]


async def test_a_task_is_switched_on_and_off(admin: Asking) -> None:
    on = await admin.data(SWITCH, {"name": "update_mistall", "enabled": True}, actor=CLERK)
    off = await admin.data(SWITCH, {"name": "update_mistall", "enabled": False}, actor=CLERK)

    assert on["setSystemTaskEnabled"]["systemTask"]["enabled"] is True
    assert on["setSystemTaskEnabled"]["systemTask"]["nextRunAt"] is not None
    assert off["setSystemTaskEnabled"]["systemTask"] == {"name": "update_mistall", "enabled": False, "nextRunAt": None}


async def test_runs_and_log_lines_are_read_in_pages(parking: Parking, admin: Asking) -> None:
    run_id = (await press_run(admin))["run"]["id"]
    found = read_id(run_id, parking.environment.tenant.number)
    assert found is not None
    async with parking.work() as work:
        (run,) = await work.scalars(select(TaskRun).where(TaskRun.id == found[1]))
        for number in range(3):
            line = {"level": "info", "code": "polled", "message": f"Line {number}."}
            work.add(TaskRunLog(run_id=run.id, environment=work.ledger_name, data={}, **line))
            await work.flush()

    data = await admin.data(
        """{ systemTask(name: "update_mistall") { lastRun { id } runs(first: 1) { edges { node { id
            log(first: 2) { edges { node { level code message } } pageInfo { hasNextPage endCursor } } } } } } }""",
        actor=CLERK,
    )

    task = data["systemTask"]
    assert task["lastRun"] == {"id": run_id}
    (edge,) = task["runs"]["edges"]
    assert [each["node"]["message"] for each in edge["node"]["log"]["edges"]] == ["Line 0.", "Line 1."]
    page = edge["node"]["log"]["pageInfo"]
    assert page["hasNextPage"] is True
    rest = await admin.data(
        "query ($id: ID!, $after: String) { systemTaskRun(id: $id) { log(after: $after) { edges { node { message } } } } }",
        {"id": run_id, "after": page["endCursor"]},
        actor=CLERK,
    )
    assert rest["systemTaskRun"]["log"]["edges"] == [{"node": {"message": "Line 2."}}]


async def test_a_run_can_be_followed(admin: Asking) -> None:
    run_id = (await press_run(admin))["run"]["id"]
    document = "subscription ($id: ID!) { systemTaskRun(id: $id) { state counters { name count } } }"

    data = await admin.data(document, {"id": run_id}, actor=CLERK)

    assert data == {"systemTaskRun": {"state": "QUEUED", "counters": []}}
    assert admin.api.operations.prepare(document).topics == {"system_tasks"}


@pytest.mark.parametrize("field", ["systemTaskRun", "node"])
async def test_the_id_of_no_run_finds_nothing(parking: Parking, admin: Asking, field: str) -> None:
    tenant = parking.environment.tenant.number
    run_id = (await press_run(admin))["run"]["id"]
    found = read_id(run_id, tenant)
    assert found is not None

    for unknown in (global_id("SystemTaskRun", tenant, uuid7()), global_id("SystemTaskRun", tenant + 1, found[1])):
        document = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
        assert await admin.data(document, {"id": unknown}, actor=CLERK) == {field: None}
    assert await admin.data(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": run_id}, actor=CLERK) == {
        field: {"id": run_id}
    }
