"""Answers of mutations: what changed, or what is wrong with the input, in one form for all three APIs.

What a person can put right is a user error. What they may not do, and what is missing on our side, stays an error of the
whole answer, since no form can show it beside a field.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import strawberry

from domain.kernel.errors import Conflict, Invalid, NotFound, ParkingError
from domain.kernel.work import Work
from schema.context import Context
from schema.declare import PUBLIC, needs

T = TypeVar("T")

_UNDERSCORE = re.compile(r"_(.)")
_SIDE = re.compile(r"(live|test)_(.+)")


@needs(PUBLIC)
@strawberry.type(description="Something in the input that a person can put right.")
class UserError:
    """An expected failure of a mutation."""

    code: str = strawberry.field(description="The stable code, explained in docs/errors.md.")
    message: str = strawberry.field(description="What is wrong, in English.")
    field: list[str] = strawberry.field(description="The way to the input field at fault; empty if it is none of them.")


def user_error(error: ParkingError) -> UserError:
    """The failure as a user error. Raises it again unless the input can be put right."""
    if not isinstance(error, NotFound | Conflict | Invalid):
        raise error
    return UserError(code=error.code, message=error.message, field=field_path(error.field))


def field_path(field: str | None) -> list[str]:
    """The way from the mutation's arguments to an input field."""
    if field is None:
        return []
    if field in {"latitude", "longitude"}:
        return ["input", "point", field]
    side = _SIDE.fullmatch(field)
    return ["input", *(camel(name) for name in (side.groups() if side else (field,)))]


def camel(name: str) -> str:
    """A name of ours as GraphQL writes it."""
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)


async def attempt(context: Context, act: Callable[[Work], Awaitable[T]]) -> tuple[T | None, list[UserError]]:
    """Do something in one Work. What a person can put right is answered as user errors, and nothing is written."""
    try:
        async with context.work() as work:
            return await act(work), []
    except ParkingError as error:
        return None, [user_error(error)]
