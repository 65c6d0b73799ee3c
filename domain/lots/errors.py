"""Errors of lots."""

from __future__ import annotations

from domain.kernel.errors import Conflict, NotFound


class LotNotFound(NotFound):
    """There is no such lot, or it is archived."""

    code = "lot.not_found"

    def __init__(self, *, field: str | None = None) -> None:
        """``field`` names the input that holds the id."""
        super().__init__("There is no such lot.", field=field)


class LotNameTaken(Conflict):
    """Another lot has the name."""

    code = "lot.name_taken"

    def __init__(self) -> None:
        """The field is the name."""
        super().__init__("Another lot has this name.", field="name")


class UserTypeNotFound(NotFound):
    """A user type that shall use the lot does not exist."""

    code = "lot.user_type_not_found"

    def __init__(self) -> None:
        """The field is the list of user types."""
        super().__init__("There is no such user type.", field="user_type_ids")
