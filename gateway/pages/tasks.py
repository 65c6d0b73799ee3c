"""System tasks in words: when they are due, and how their last run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from gateway.pages.wording import hours

Data = Mapping[str, Any]

STATES: Mapping[str, str] = MappingProxyType(
    {
        "QUEUED": "waiting",
        "RUNNING": "running",
        "SUCCEEDED": "done",
        "FAILED": "failed",
        "CANCELLED": "cancelled",
        "MISSED": "missed",
    }
)
"""Where a run stands, by the name it has in the API."""

UNFINISHED = ("QUEUED", "RUNNING")
UNITS = ((86400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds"))


@dataclass(frozen=True, slots=True)
class Task:
    """A line of the list. ``state`` is empty before the first run."""

    name: str
    title: str
    description: str
    due: str
    run_id: str
    state: str
    state_words: str
    result: str


def tasks_of(found: Sequence[Data], zone: ZoneInfo) -> list[Task]:
    """The tasks of an answer."""
    return [_task(task, zone) for task in found]


def _task(task: Data, zone: ZoneInfo) -> Task:
    run = task["lastRun"]
    return Task(
        name=task["name"],
        title=task["title"],
        description=task["description"],
        due=_due(task, zone),
        run_id=run["id"] if run else "",
        state=run["state"] if run else "",
        state_words=STATES[run["state"]] if run else "never ran",
        result=_result(run, zone) if run else "",
    )


def _due(task: Data, zone: ZoneInfo) -> str:
    if not task["enabled"]:
        return "off"
    rule = in_words(task["rule"])
    return rule if task["nextRunAt"] is None else f"{rule}, next at {hours(task['nextRunAt'], zone)}"


def in_words(rule: str) -> str:
    """A rule of a schedule in words; a cron rule stays as it is."""
    kind, _, rest = rule.partition(" ")
    if kind != "every" or not rest.isdecimal() or not int(rest):
        return rule
    seconds = int(rest)
    size, one, many = next(unit for unit in UNITS if seconds % unit[0] == 0)
    return f"every {one}" if seconds == size else f"every {seconds // size} {many}"


def _result(run: Data, zone: ZoneInfo) -> str:
    """When the run ended and what came of it."""
    if run["state"] in UNFINISHED:
        return f"since {hours(run['startedAt'] or run['createdAt'], zone)}"
    parts = [f"at {hours(run['finishedAt'] or run['createdAt'], zone)}"]
    if run["startedAt"] and run["finishedAt"]:
        took = datetime.fromisoformat(run["finishedAt"]) - datetime.fromisoformat(run["startedAt"])
        parts.append(f"took {took.total_seconds():.1f} s")
    counted = [f"{counter['count']} {counter['name']}" for counter in run["counters"] if counter["count"]]
    return ", ".join([*parts, *counted, *([run["errorMessage"]] if run["errorMessage"] else [])])
