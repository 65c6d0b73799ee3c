"""Enums that only staff see, with their descriptions."""

from __future__ import annotations

from enum import IntEnum

import schema.permissions  # noqa: F401 - the admin API shows permissions too
from domain.kernel.ledger import RunState, Trigger
from domain.permits.models import PermitKind, PermitState
from domain.settings.models import Vendor
from domain.tasks.catalogue import Section, Switch
from schema.descriptions import described


class Weekday(IntEnum):
    """Days of the week as ISO numbers them."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


described(
    Weekday, "A day of the week.", {day: f"{day.name.capitalize()}, day {day.value} of ISO 8601." for day in Weekday}
)
described(
    PermitKind,
    "What is counted apart.",
    {
        PermitKind.STANDARD: "A numbered permit of a sales window.",
        PermitKind.TEMPORARY: "A short permit from a time to a time.",
    },
)
described(
    PermitState,
    "Where a permit stands.",
    {
        PermitState.RESERVED: "A standard permit that was asked for, without a promise to pay.",
        PermitState.RENTED: "A standard permit with a promise to pay on file.",
        PermitState.ISSUED: "A temporary permit.",
        PermitState.EXPIRED: "Over, by its time or by hand.",
    },
)
described(
    Vendor,
    "A third party that a tenant may be connected with.",
    {
        Vendor.MISTALL: "Counts cars with cameras at entries and exits.",
        Vendor.PARKING_LOGIX: "Counts free spaces with sensors.",
    },
)
described(
    Section,
    "Under which heading a system task is listed.",
    {Section.RECURRING: "Runs again and again.", Section.ONE_TIME: "Runs once."},
    name="SystemTaskSection",
)
described(
    Switch,
    "Who may switch a system task on and off.",
    {
        Switch.CLIENT: "The client's own staff.",
        Switch.STAFF: "The staff of the platform.",
        Switch.NOBODY: "Nobody: it is always on.",
    },
    name="SystemTaskSwitch",
)
described(
    RunState,
    "Where a run stands.",
    {
        RunState.QUEUED: "Waits for its turn, or for its next attempt.",
        RunState.RUNNING: "At work.",
        RunState.SUCCEEDED: "Done.",
        RunState.FAILED: "Given up; its error says why.",
        RunState.CANCELLED: "Taken back before it began.",
        RunState.MISSED: "Its time passed while nobody could run it.",
    },
    name="SystemTaskRunState",
)
described(
    Trigger,
    "Why a run exists.",
    {
        Trigger.SCHEDULE: "It was due.",
        Trigger.BUTTON: "Somebody pressed RUN.",
        Trigger.EVENT: "Something happened that it reacts to.",
    },
    name="SystemTaskTrigger",
)
