"""The permissions as a GraphQL enum, for the two APIs of staff."""

from __future__ import annotations

from domain.kernel.actor import Permission
from schema.descriptions import described

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
        Permission.MANAGE_PREVIEWS: "Refresh, lock and unlock the preview space.",
        Permission.MANAGE_DOMAINS: "Ask for domains of the client's own, activate and release them, choose the primary one.",
        Permission.VIEW_MAIL: "See the mail that was sent; in a preview also what was held back, one-time links included.",
        Permission.APPROVE_FEATURES: "Let features that were tried in the preview go to production, or not.",
        Permission.VIEW_AUDIT: "See who did what.",
        Permission.WRITE_OPERATIONS: "Send operations of one's own to the API, where it takes published ones only.",
        Permission.VIEW_TENANTS: "See all tenants. Staff of the platform only.",
        Permission.MANAGE_TENANTS: "Create and change tenants. Staff of the platform only.",
    },
)
