"""The features that a tenant may have or not: values only. Which tenant has which is decided in ``tenants.plans``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum

from domain.kernel.errors import Denied

Features = AbstractSet["Feature"]


class Feature(StrEnum):
    """What a plan includes or leaves out. An integration has the name of its vendor."""

    MISTALL = "mistall"
    PARKING_LOGIX = "parking_logix"
    OWN_DOMAIN = "own_domain"


class FeatureOff(Denied):
    """What was asked for belongs to a feature that this environment does not have."""

    code = "FEATURE_OFF"

    def __init__(self, feature: Feature) -> None:
        """``feature`` is named to the client, who may ask for it."""
        super().__init__("This site does not have this feature.", feature=feature.value)


def require_feature(features: Features, feature: Feature | None) -> None:
    """Raise FeatureOff unless the feature is among those of the environment. What belongs to none passes."""
    if feature is not None and feature not in features:
        raise FeatureOff(feature)
