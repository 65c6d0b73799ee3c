"""Errors of permits."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, NotFound


class PermitNotFound(NotFound):
    """There is no such permit, or the actor may not know of it."""

    code = "permit.not_found"

    def __init__(self) -> None:
        """Names no field: the permit is what the action is about."""
        super().__init__("There is no such permit.")


class PermitExpired(Conflict):
    """The permit has expired already."""

    code = "permit.expired"

    def __init__(self) -> None:
        """Names no field."""
        super().__init__("This permit has expired already.")


class KindNotOffered(Conflict):
    """The lot has no permits of this kind."""

    code = "permit.kind_not_offered"

    def __init__(self) -> None:
        """The field is the kind."""
        super().__init__("This lot has no permits of this kind.", field="kind")


class LotFull(Conflict):
    """All temporary places of the lot are taken at some moment of the time asked for."""

    code = "permit.lot_full"

    def __init__(self) -> None:
        """The field is the lot."""
        super().__init__("This lot is full at that time.", field="lot_id")


class HolderNotFound(NotFound):
    """The user who shall hold the permit does not exist."""

    code = "permit.holder_not_found"

    def __init__(self) -> None:
        """The field is the holder."""
        super().__init__("There is no such user.", field="holder_id")


class PlateInvalid(Invalid):
    """A plate has no letter or digit, or is too long."""

    code = "permit.plate_invalid"

    def __init__(self, message: str) -> None:
        """The field is the plate."""
        super().__init__(message, field="plate")


class PermitTimesInvalid(Invalid):
    """A permit ends before it starts, or its times have no offset."""

    code = "permit.times_invalid"

    def __init__(self, message: str) -> None:
        """The field is the end."""
        super().__init__(message, field="ends_at")
