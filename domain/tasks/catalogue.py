"""The catalogue of system tasks: pure data that the domain, the APIs and the workers share. No code of a task is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from domain.kernel.features import Feature
from domain.tasks.errors import TaskNotFound


class Section(StrEnum):
    """Under which heading the list of system tasks shows a task."""

    RECURRING = "recurring"
    ONE_TIME = "one_time"


class Queue(StrEnum):
    """Classes of work with workers of their own, so that none waits behind another."""

    INTERACTIVE = "interactive"
    POLL = "poll"
    PUSH = "push"
    BULK = "bulk"
    BACKUP = "backup"


class Switch(StrEnum):
    """Who may switch a task on and off."""

    CLIENT = "client"
    STAFF = "staff"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class SystemTask:
    """What is known of a task without running it.

    ``rule`` is the default one (see ``rules.py``), empty for what has no schedule; its ``time_zone`` is the environment's
    unless one is named. ``late_by`` is how much later than planned a nightly task may still
    start; a poll, which has none, is made up for once. ``spread`` is the window from the time of a cron rule on in which
    the tenants are due one after the other. ``time_limit`` ends a run that hangs. ``attempts`` is how often
    a fault that may pass is tried before the run ends ``failed``, ``longest_wait`` the longest pause
    before that, for what no later run would make up for. ``target`` names a peer that all tenants share, towards
    which the runs of all of them are capped. A task of a ``feature`` runs only where that is on.
    """

    name: str
    title: str
    description: str
    rule: str
    queue: Queue
    switch: Switch
    is_enabled_at_start: bool
    section: Section = Section.RECURRING
    late_by: timedelta | None = None
    spread: timedelta = timedelta(0)
    time_limit: timedelta = timedelta(minutes=2)
    attempts: int = 3
    longest_wait: timedelta | None = None
    target: str | None = None
    time_zone: str | None = None
    feature: Feature | None = None


UPDATE_MISTALL = SystemTask(
    name="update_mistall",
    title="Update Mistall",
    description="Fetches the lots and car counts of Mistall, so that its lots can be chosen and the map is up to date.",
    rule="every 600",
    queue=Queue.POLL,
    switch=Switch.CLIENT,
    is_enabled_at_start=False,
    feature=Feature.MISTALL,
)
UPDATE_PARKING_LOGIX = SystemTask(
    name="update_parking_logix",
    title="Update Parking Logix",
    description="Fetches the free spaces of Parking Logix, one call for each distinct API key of the lot groups.",
    rule="every 300",
    queue=Queue.POLL,
    switch=Switch.STAFF,
    is_enabled_at_start=False,
    feature=Feature.PARKING_LOGIX,
)
EXPIRE_PERMITS = SystemTask(
    name="expire_permits",
    title="Expire Permits",
    description="Marks permits whose time is over as expired.",
    rule="every 3600",
    queue=Queue.BULK,
    switch=Switch.NOBODY,
    is_enabled_at_start=True,
)
PURGE = SystemTask(
    name="purge",
    title="Purge",
    description="Removes runs and logins that are over after 30 days, login attempts after 90, mail after a year.",
    rule="cron 20 3 * * *",
    queue=Queue.BULK,
    switch=Switch.NOBODY,
    is_enabled_at_start=True,
    late_by=timedelta(hours=12),
    spread=timedelta(hours=1),
    time_limit=timedelta(minutes=10),
)
BACK_UP = SystemTask(
    name="back_up",
    title="Back Up",
    description="Takes a backup of all data, and removes those that are no longer kept: 7 days, 4 weeks, 12 months.",
    rule="cron 0 2 * * *",
    queue=Queue.BACKUP,
    switch=Switch.NOBODY,
    is_enabled_at_start=True,
    late_by=timedelta(hours=8),
    spread=timedelta(hours=2),
    time_limit=timedelta(hours=2),
    time_zone="America/Toronto",
)
SEND_MAIL = SystemTask(
    name="send_mail",
    title="Send Mail",
    description="Sends each message as it is written; hourly, and by RUN, also those that could not be sent before.",
    rule="every 3600",
    queue=Queue.INTERACTIVE,
    switch=Switch.NOBODY,
    is_enabled_at_start=True,
    attempts=12,
    longest_wait=timedelta(hours=1),
)

CATALOGUE: Mapping[str, SystemTask] = MappingProxyType(
    {task.name: task for task in (UPDATE_MISTALL, UPDATE_PARKING_LOGIX, EXPIRE_PERMITS, SEND_MAIL, PURGE, BACK_UP)}
)
"""Every system task by name, in the order in which staff see them."""


def known_task(name: str) -> SystemTask:
    """The task of this name. Raises TaskNotFound."""
    task = CATALOGUE.get(name)
    if task is None:
        raise TaskNotFound(name)
    return task
