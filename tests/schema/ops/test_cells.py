"""Cells on the control plane."""

from domain.kernel.actor import Actor
from schema.ids import PLATFORM, global_id
from tenants.environments import Cell, Environment
from tenants.registry.cells import put_cell
from tests.fixtures.schemas import Asking, codes
from tests.schema.ops.test_lifecycle import STAFF

CELLS = "{ cells { name address group isOpen environments } }"
CHANGE = "mutation ($name: String!, $open: Boolean!) { setCellOpen(name: $name, open: $open) { cell { name isOpen } userErrors { code } } }"
REMOVE = """mutation ($name: String!, $reason: String!, $lost: Boolean) {
    removeCell(name: $name, reason: $reason, lost: $lost) { cell { name } userErrors { code field } } }"""
MOVE = """mutation ($id: ID!, $to: String!) { moveEnvironment(id: $id, toCell: $to, reason: "a test") {
    isAccepted userErrors { code field } } }"""


async def test_staff_see_the_cells_and_how_full_they_are(ops: Asking, tenant: Environment) -> None:
    (cell,) = (await ops.data(CELLS, actor=STAFF))["cells"]

    number = sum(one.cell == tenant.cell for one in ops.services.registry.current.by_id.values())
    facts = {"name": "main", "address": None, "group": None, "isOpen": True}
    assert cell == facts | {"environments": number}


async def test_staff_close_a_cell_and_open_it_again(ops: Asking) -> None:
    states = []
    for is_open in (False, True):
        done = await ops.data(CHANGE, {"name": "main", "open": is_open}, actor=STAFF)
        assert done["setCellOpen"]["userErrors"] == []
        assert done["setCellOpen"]["cell"] == {"name": "main", "isOpen": is_open}
        states.append((await ops.data(CELLS, actor=STAFF))["cells"][0]["isOpen"])
    unknown = await ops.data(CHANGE, {"name": "nowhere", "open": True}, actor=STAFF)

    assert states == [False, True]
    assert unknown["setCellOpen"] == {"cell": None, "userErrors": [{"code": "cell.not_found"}]}


async def test_staff_move_an_environment_and_hear_why_not(ops: Asking, tenant: Environment) -> None:
    """That it moves is shown in tests/tenants/moves/: here is one cell only."""
    values = {"id": global_id("Environment", PLATFORM, tenant.id), "to": "main"}

    there = await ops.data(MOVE, values, actor=STAFF)
    nowhere = await ops.data(MOVE, values | {"to": "nowhere"}, actor=STAFF)

    assert there["moveEnvironment"] == {"isAccepted": False, "userErrors": [{"code": "copy.not_here", "field": []}]}
    assert nowhere["moveEnvironment"]["userErrors"] == [{"code": "cell.not_found", "field": ["toCell"]}]
    assert codes(await ops(MOVE, values, actor=Actor.guest())) == ["login_required"]


async def test_staff_remove_a_cell_and_hear_why_not(ops: Asking) -> None:
    async with ops.services.databases.control().begin() as connection:
        await put_cell(connection, Cell("gone", "postgresql://127.0.0.1:1/gone", is_open=False), actor="tests")
    await ops.services.registry.load()

    async def codes_of(name: str, reason: str = "moved", **how: bool) -> list[str]:
        done = await ops.data(REMOVE, {"name": name, "reason": reason, **how}, actor=STAFF)
        return [error["code"] for error in done["removeCell"]["userErrors"]]

    assert await codes_of("main") == ["cell.in_use"]
    assert await codes_of("nowhere") == ["cell.not_found"]
    assert await codes_of("gone", reason="") == ["reason.missing"]
    assert codes(await ops(REMOVE, {"name": "gone", "reason": "moved"}, actor=STAFF)) == ["cell.away"]
    assert await codes_of("gone", lost=True) == []
    assert [cell["name"] for cell in (await ops.data(CELLS, actor=STAFF))["cells"]] == ["main"]


async def test_nobody_else_sees_closes_or_removes_a_cell(ops: Asking) -> None:
    assert codes(await ops(CELLS, actor=Actor.guest())) == ["login_required"]
    assert codes(await ops(CHANGE, {"name": "main", "open": False}, actor=Actor.guest())) == ["login_required"]
    assert codes(await ops(REMOVE, {"name": "main", "reason": "x"}, actor=Actor.guest())) == ["login_required"]
