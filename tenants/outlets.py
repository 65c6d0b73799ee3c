"""Where an effect on the world outside goes: the one decision, by the environment's group and never by its data.

Mail has no test side, so a preview holds all of it back. Calls to a vendor go to its test side where that is whole.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from tenants.environments import EnvironmentGroup

if TYPE_CHECKING:
    from tenants.environments import Environment


class Outlet(Enum):
    """What is done with something that would leave the platform."""

    LIVE = "live"
    TEST = "test"
    CAPTURE = "capture"


def outlet(environment: Environment, *, has_test_side: bool = False) -> Outlet:
    """Live environments reach the real world. All others reach a vendor's own test side, if there is one, or nothing.

    ``has_test_side``: an endpoint for tests was entered, and credentials for it.
    """
    if environment.kind.group is EnvironmentGroup.LIVE:
        return Outlet.LIVE
    return Outlet.TEST if has_test_side else Outlet.CAPTURE
