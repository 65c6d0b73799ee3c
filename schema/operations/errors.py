"""How errors leave the API: the one place where they are put into words or masked. Codes of requests are here too.

An expected failure (``ParkingError``) is shown with its own code; everything else is logged under an id and becomes
"Internal error", or ``unavailable`` where the database is away or has no connection left.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypedDict

import structlog
from graphql import GraphQLError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from strawberry.exceptions import StrawberryInputCoercionError

from domain.kernel.errors import ParkingError, Unavailable

log = structlog.get_logger(__name__)

DATABASE_AWAY = (OperationalError, PoolTimeout)
"""What SQLAlchemy raises when the database does not answer, breaks off, or when every connection is taken."""


class Code(StrEnum):
    """Codes of the protocol, in capitals; codes of the domain are in small letters."""

    PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
    PERSISTED_OPERATION_NOT_FOUND = "PERSISTED_OPERATION_NOT_FOUND"
    PERSISTED_OPERATION_DIFFERS = "PERSISTED_OPERATION_DIFFERS"
    DOCUMENT_NOT_PUBLISHED = "DOCUMENT_NOT_PUBLISHED"
    LIMIT_LENGTH = "LIMIT_LENGTH"
    LIMIT_TOKENS = "LIMIT_TOKENS"
    LIMIT_DEPTH = "LIMIT_DEPTH"
    LIMIT_ALIASES = "LIMIT_ALIASES"
    LIMIT_ROOT_FIELDS = "LIMIT_ROOT_FIELDS"
    LIMIT_DIRECTIVES = "LIMIT_DIRECTIVES"
    LIMIT_SELECTIONS = "LIMIT_SELECTIONS"
    LIMIT_REPEATS = "LIMIT_REPEATS"
    LIMIT_COST = "LIMIT_COST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    BODY_TOO_SLOW = "BODY_TOO_SLOW"
    FOREIGN_ORIGIN = "FOREIGN_ORIGIN"
    HOST_MALFORMED = "HOST_MALFORMED"
    NOT_FOUND = "NOT_FOUND"
    SUSPENDED = "SUSPENDED"
    UPGRADING = "UPGRADING"
    TOO_MANY_VIEWS = "TOO_MANY_VIEWS"
    TOO_MANY_VIEWERS = "TOO_MANY_VIEWERS"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    TOO_MANY_AT_ONCE = "TOO_MANY_AT_ONCE"
    COST_SPENT = "COST_SPENT"
    RESTARTING = "RESTARTING"
    INTERNAL = "INTERNAL"


class Location(TypedDict):
    """Where in the document, both from 1."""

    line: int
    column: int


class WireError(TypedDict, total=False):
    """One entry of ``errors`` as it leaves."""

    message: str
    locations: list[Location]
    path: list[str | int]
    extensions: dict[str, str | int | float | bool | None]


class Refused(Exception):
    """The request can not be executed at all: nothing was resolved and there is no ``data``."""

    def __init__(self, *errors: WireError) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.errors[0]["extensions"]["code"])

    @property
    def retry_after(self) -> int | None:
        """The seconds after which the same request may succeed, if that is known."""
        seconds = self.errors[0]["extensions"].get("retryAfter")
        return seconds if isinstance(seconds, int) else None


def wire_error(code: Code, message: str) -> WireError:
    """An error of the request as a whole."""
    return {"message": message, "extensions": {"code": code.value}}


def refused(code: Code, message: str) -> Refused:
    """A refusal with one error."""
    return Refused(wire_error(code, message))


def refusals(code: Code, errors: Iterable[GraphQLError]) -> Refused:
    """Errors found by graphql-core in the request itself: their words are about the request and safe to show."""
    return Refused(*(_worded(error, code) for error in errors))


def to_wire(errors: Sequence[GraphQLError], operation: str) -> tuple[list[WireError], bool]:
    """The errors of an execution for the client, and whether the same request may succeed later.

    It may where one of them is a fault of ours (masked and logged), or a part is missing right now.
    """
    wired = [_expected(error) or _masked(error, operation) for error in errors]
    return wired, any(_may_pass(_origin(error)) for error in errors)


def internal_error(error: BaseException, operation: str, path: Sequence[str | int] | None = None) -> WireError:
    """Log what really happened under a new id, and return what the client may know of it: INTERNAL or unavailable."""
    error_id = secrets.token_hex(6)
    log.error("internal error", error_id=error_id, operation=operation, path=path, exc_info=error)
    if isinstance(error, DATABASE_AWAY):
        away = "The service is busy or restarting; try again."
        return {"message": away, "extensions": {"code": Unavailable.code, "id": error_id}}
    return {"message": "Internal error", "extensions": {"code": Code.INTERNAL.value, "id": error_id}}


def expected_error(error: ParkingError) -> WireError:
    """An expected failure in words; details can not replace the code or the field."""
    extensions: dict[str, str | int | float | bool | None] = {**error.details, "code": error.code}
    if error.field is not None:
        extensions["field"] = error.field
    return {"message": error.message, "extensions": extensions}


def _expected(error: GraphQLError) -> WireError | None:
    original = _origin(error)
    if isinstance(original, ParkingError):
        return {**_place(error), **expected_error(original)}
    if isinstance(original, StrawberryInputCoercionError):
        return _worded(error, Code.BAD_USER_INPUT)
    if _has_null_character(original):
        return {**_place(error), **wire_error(Code.BAD_USER_INPUT, "A text can not have the character U+0000.")}
    return None


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, ParkingError | StrawberryInputCoercionError):
        return isinstance(error, Unavailable)
    return not _has_null_character(error)


def _has_null_character(error: BaseException) -> bool:
    """Whether PostgreSQL was to keep what it keeps in no text, and in no JSON: its driver refuses it in these words."""
    said = str(error.orig) if isinstance(error, DataError) else ""
    return "cannot contain NUL" in said or "\\u0000 cannot be converted to text" in said


def _worded(error: GraphQLError, code: Code) -> WireError:
    return {**_place(error), "message": error.message, "extensions": {"code": code.value}}


def _masked(error: GraphQLError, operation: str) -> WireError:
    return {**_place(error), **internal_error(_origin(error), operation, error.path)}


def _origin(error: GraphQLError) -> BaseException:
    """What a resolver really raised, below any number of GraphQLErrors around it."""
    found: BaseException = error
    while isinstance(found, GraphQLError) and found.original_error is not None:
        found = found.original_error
    return found


def _place(error: GraphQLError) -> WireError:
    place: WireError = {}
    if error.locations:
        place["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        place["path"] = list(error.path)
    return place
