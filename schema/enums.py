"""Enums of the domain that more than one API shows, with their descriptions."""

from __future__ import annotations

from domain.occupancy.rules import OccupancySource
from schema.descriptions import described
from tenants.environments import EnvironmentKind

described(
    OccupancySource,
    "What an occupancy was counted by.",
    {
        OccupancySource.MISTALL: "Cameras of Mistall that watch entries and exits.",
        OccupancySource.PARKING_LOGIX: "Sensors of Parking Logix, which report free spaces only.",
        OccupancySource.PERMITS: "No sensor: the permit counts of the lots, added up.",
    },
)
described(
    EnvironmentKind,
    "What an environment is for.",
    {
        EnvironmentKind.PRODUCTION: "The client's real site.",
        EnvironmentKind.STAGING: "A release before it goes to production, with live credentials.",
        EnvironmentKind.BETA: "New features for chosen clients, with live credentials.",
        EnvironmentKind.PREVIEW: "A copy of production for trying things out; nothing leaves it.",
        EnvironmentKind.TEST: "A space for tests; nothing leaves it.",
        EnvironmentKind.DEVELOPMENT: "A space for development; nothing leaves it.",
    },
)
