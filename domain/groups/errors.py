"""Errors of lot groups."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, NotFound


class LotGroupNotFound(NotFound):
    """There is no such lot group, or it is archived."""

    code = "lot_group.not_found"

    def __init__(self, *, field: str | None = None) -> None:
        """``field`` names the input that holds the id."""
        super().__init__("There is no such lot group.", field=field)


class LotGroupNameTaken(Conflict):
    """Another lot group has the name."""

    code = "lot_group.name_taken"

    def __init__(self) -> None:
        """The field is the name."""
        super().__init__("Another lot group has this name.", field="name")


class TwoSensors(Conflict):
    """A lot group has one sensor source at most: a Mistall lot, or Parking Logix."""

    code = "lot_group.two_sensors"

    def __init__(self) -> None:
        """The field is the Mistall lot, whichever of the two was entered last."""
        super().__init__("A lot group can have a Mistall lot or Parking Logix, not both.", field="mistall_lot_id")


class MistallLotNotFound(NotFound):
    """The chosen Mistall lot was never imported."""

    code = "lot_group.mistall_lot_not_found"

    def __init__(self) -> None:
        """The field is the Mistall lot."""
        super().__init__("There is no such Mistall lot.", field="mistall_lot_id")


class NameInvalid(Invalid):
    """A name is empty, too long, or has control characters."""

    code = "name_invalid"


class MapPointInvalid(Invalid):
    """A map point is not on earth, or has only one of its two coordinates."""

    code = "map_point_invalid"


class MapColorInvalid(Invalid):
    """A colour is not written as ``#rrggbb``."""

    code = "lot_group.map_color_invalid"


class LimitInvalid(Invalid):
    """A limit or capacity is negative or beyond all lots."""

    code = "limit_invalid"
