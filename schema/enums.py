"""Enums of the domain that more than one API shows, with their descriptions."""

from __future__ import annotations

from domain.kernel.features import Feature
from domain.occupancy.rules import OccupancySource
from schema.descriptions import described
from tenants.environments import EnvironmentGroup, EnvironmentKind
from tenants.plans.catalogue import FEATURES

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
    Feature,
    "What a plan includes or leaves out. A field of a feature that is off is null, with the error FEATURE_OFF.",
    {feature: words.description for feature, words in FEATURES.items()},
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
described(
    EnvironmentGroup,
    "The two groups of environments, which decide what is real.",
    {
        EnvironmentGroup.LIVE: "Production, staging and beta: live credentials, real mail.",
        EnvironmentGroup.TEST: "Preview, test and development: nothing real, ever.",
    },
)
