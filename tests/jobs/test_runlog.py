"""Log lines of a run: redacted by name, cut, bounded, and fit for the database."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import jobs
from domain.kernel.clock import utc_now
from jobs.claims import Claim, claim, log
from jobs.runlog import ALLOWED, HIDDEN, LONGEST_TEXT, MOST_LINES, RunLog, clean, redacted
from tenants.environments import Environment
from tests.fixtures.jobs import Desk

CANARY = "hunter2-canary"


async def log_of(desk: Desk, tenant: Environment) -> RunLog:
    """The log of a run in our hands."""
    (run_id,) = await desk.queue(tenant, "probe")
    found = await claim(desk.ledger, run_id, timedelta(seconds=30))
    assert isinstance(found, Claim)
    return RunLog(found, utc_now)


def test_facts_are_shown_by_an_allow_list_of_names() -> None:
    assert redacted({"status": 401, "password": CANARY, "authorization": CANARY, "seconds": timedelta(minutes=1)}) == {
        "status": 401,
        "password": HIDDEN,
        "authorization": HIDDEN,
        "seconds": 60.0,
    }


def test_every_fact_that_our_tasks_log_is_shown() -> None:
    named = {
        (path.name, keyword.arg)
        for path in Path(jobs.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[0].endswith("runlog")
        for keyword in node.keywords
    }

    assert {arg for _, arg in named} >= {"reason", "attempt", "tables"}
    assert [(file, arg) for file, arg in named if arg not in ALLOWED] == []


@given(st.text(st.characters()))
def test_every_text_fits_into_the_database(text: str) -> None:
    cleaned = clean(text)

    assert "\0" not in cleaned
    assert len(cleaned) <= LONGEST_TEXT
    assert cleaned.encode().decode() == cleaned


async def test_lines_are_written_in_their_order_with_whatever_text(desk: Desk, tenant: Environment) -> None:
    runlog = await log_of(desk, tenant)
    runlog.warning("odd", "nul \0 and half \ud800", name="\0\ud800\U0001f697", password=CANARY)
    runlog.error("bad", "x" * 5000)

    await log(runlog.claim, runlog.take())

    first, second = await desk.lines(runlog.claim.run_id)
    assert (first["level"], first["code"], first["message"]) == ("warning", "odd", "nul  and half ?")
    assert first["data"] == {"name": "?\U0001f697", "password": HIDDEN}
    assert len(second["message"]) == LONGEST_TEXT


async def test_a_run_that_logs_without_end_is_cut_off_with_a_word(desk: Desk, tenant: Environment) -> None:
    runlog = await log_of(desk, tenant)
    for _ in range(2 * MOST_LINES):
        runlog.info("again", "Again.")

    lines = runlog.take()

    assert len(lines) == MOST_LINES
    assert lines[-1].code == "log_full"
