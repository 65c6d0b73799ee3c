"""System tasks in words: when they are due, and how their last run went."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

EVERY = re.compile(r"every (?P<seconds>[1-9]\d*)")
DAILY = re.compile(r"cron (?P<minute>\d+) (?P<hour>\d+) \* \* \*")
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
    """A rule of a schedule in words; a cron rule that is not simply daily stays as it is."""
    daily = DAILY.fullmatch(rule)
    if daily:
        return f"daily at {int(daily['hour']):02}:{int(daily['minute']):02}"
    every = EVERY.fullmatch(rule)
    if not every:
        return rule
    seconds = int(every["seconds"])
    size, one, many = next(unit for unit in UNITS if seconds % unit[0] == 0)
    return f"every {one}" if seconds == size else f"every {seconds // size} {many}"


def _result(run: Data, zone: ZoneInfo) -> str:
    """When the run ended and what came of it."""
    if run["state"] in UNFINISHED:
        return f"since {hours(run['startedAt'] or run['createdAt'], zone)}"
    parts = [f"at {hours(run['finishedAt'] or run['createdAt'], zone)}"]
    if run["startedAt"] and run["finishedAt"]:
        took = datetime.fromisoformat(run["finishedAt"]) - datetime.fromisoformat(run["startedAt"])
        parts.append(f"took {lasting(took)}")
    counted = [f"{counter['count']} {counter['name']}" for counter in run["counters"] if counter["count"]]
    return ", ".join([*parts, *counted, *([run["errorMessage"]] if run["errorMessage"] else [])])


def lasting(took: timedelta) -> str:
    """How long something took, with as many digits as matter."""
    seconds = took.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
