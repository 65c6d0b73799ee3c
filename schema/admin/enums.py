"""Enums that only staff see, with their descriptions."""

from __future__ import annotations

from enum import IntEnum

from domain.kernel.actor import Permission
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
)
described(
    Switch,
    "Who may switch a system task on and off.",
    {
        Switch.CLIENT: "The client's own staff.",
        Switch.STAFF: "The staff of the platform.",
        Switch.NOBODY: "Nobody: it is always on.",
    },
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
)
described(
    Trigger,
    "Why a run exists.",
    {
        Trigger.SCHEDULE: "It was due.",
        Trigger.BUTTON: "Somebody pressed RUN.",
        Trigger.EVENT: "Something happened that it reacts to.",
    },
)
described(
    Permission,
    "What a role may allow.",
    {
        Permission.VIEW_LOTS: "See lots, lot groups and zones with their numbers.",
        Permission.MANAGE_LOTS: "Create, change and archive lots, lot groups and zones.",
        Permission.VIEW_PERMITS: "See all permits.",
        Permission.MANAGE_PERMITS: "Issue and end permits.",
        Permission.VIEW_USERS: "See users.",
        Permission.MANAGE_USERS: "Create, change and archive users.",
        Permission.VIEW_SYSTEM_TASKS: "See system tasks, their runs and logs.",
        Permission.RUN_SYSTEM_TASKS: "Run system tasks, and switch them on and off.",
        Permission.VIEW_SETTINGS: "See settings, but never a secret.",
        Permission.MANAGE_SETTINGS: "Change settings, secrets too.",
        Permission.VIEW_AUDIT: "See who did what.",
        Permission.VIEW_TENANTS: "See all tenants. Staff of the platform only.",
        Permission.MANAGE_TENANTS: "Create and change tenants. Staff of the platform only.",
    },
)
