"""The error tree of opscom, and how an error is put into words for a client.

    ParkingError
    ├── NotFound       there is no such thing, or the actor may not know of it
    ├── Conflict       the state does not allow it
    ├── Denied         the actor may not do it
    ├── Invalid        the input is wrong; names the field
    └── Unavailable    a part is missing right now; worth a retry

Each leaf has a stable ``code`` which is explained in docs/errors.md (a test compares them). Leaves of a noun live in the
noun's ``errors.py``; here are the branches and the leaves that belong to no noun.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float | bool | None


class ParkingError(Exception):
    """An expected failure: safe to show, coded, and complete.

    ``field`` is the input field at fault, if one is; ``details`` are further facts for the client, plain values only.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, field: str | None = None, **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details


class NotFound(ParkingError):
    """There is no such thing, or the actor may not know of it: the two answer alike."""

    code = "not_found"


class Conflict(ParkingError):
    """The state of things does not allow the change."""

    code = "conflict"


class Denied(ParkingError):
    """The actor lacks a permission."""

    code = "denied"


class Invalid(ParkingError):
    """The input is wrong; ``field`` says where."""

    code = "invalid"


class Unavailable(ParkingError):
    """A part is missing right now; the same request may succeed later."""

    code = "unavailable"


class LoginRequired(Denied):
    """The field is for people who are logged in, and nobody is."""

    code = "login_required"


class ConstraintViolated(Conflict):
    """The database refused the change by a constraint that the action did not name; ``constraint`` says which."""

    code = "constraint_violated"


class StaleEnvironment(Unavailable):
    """The environment moved to another schema; whoever holds the old address must look it up again.

    Raised by the database binding and answered by one retry, so clients see it only if the second try fails too.
    """

    code = "environment.moved"


class EnvironmentMoving(Unavailable):
    """The environment is being moved to another database: it can be read, and for some seconds not be written to."""

    code = "environment.moving"
