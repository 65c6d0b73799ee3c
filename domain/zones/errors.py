"""Errors of lot zones."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, NotFound


class ZoneNotFound(NotFound):
    """There is no such lot zone, or it is archived."""

    code = "zone.not_found"

    def __init__(self, *, field: str | None = None) -> None:
        """``field`` names the input that holds the id."""
        super().__init__("There is no such lot zone.", field=field)


class ZoneNameTaken(Conflict):
    """Another lot zone has the long name, by which third parties know it."""

    code = "zone.name_taken"

    def __init__(self) -> None:
        """The field is the long name."""
        super().__init__("Another lot zone has this name.", field="long_name")


class LotZoneNotFound(NotFound):
    """The lot has no such link to a zone."""

    code = "zone.link_not_found"

    def __init__(self) -> None:
        """Names no field: the link is what the action is about."""
        super().__init__("There is no such link of a lot and a zone.")


class ValidityInvalid(Invalid):
    """The days, hours or dates at which a zone shall hold make no sense."""

    code = "zone.validity_invalid"
