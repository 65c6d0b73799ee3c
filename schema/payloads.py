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
from schema.declare import PUBLIC, needs, sized

T = TypeVar("T")
Path = tuple[str, ...]

INPUT: Path = ("input",)
"""Where most mutations take what is said of a thing."""
ARGUMENTS: Path = ()
"""Where a mutation takes it that has no ``input``."""

_UNDERSCORE = re.compile(r"_(.)")
_SIDE = re.compile(r"(live|test)_(.+)")


@needs(PUBLIC)
@strawberry.type(description="A further fact about what is wrong.")
class ErrorFact:
    """A name and a value."""

    name: str = strawberry.field(description="What it is, such as `by`.")
    value: str = strawberry.field(description="Its value.")


@needs(PUBLIC)
@strawberry.type(description="Something in the input that a person can put right.")
class UserError:
    """An expected failure of a mutation."""

    code: str = strawberry.field(description="The stable code, explained in docs/errors.md.")
    message: str = strawberry.field(description="What is wrong, in English.")
    field: list[str] = strawberry.field(
        description="The way from the mutation's arguments to what is at fault; empty if it is none of them."
    )
    facts: list[ErrorFact] = strawberry.field(
        default_factory=list,
        description="Further facts, such as who locked what is locked.",
        metadata=sized(3),
    )


def user_error(error: ParkingError, within: Path = INPUT) -> UserError:
    """The failure as a user error; ``within`` is where the input stands. Raises it again unless that can be put right."""
    if not isinstance(error, NotFound | Conflict | Invalid):
        raise error
    facts = [
        ErrorFact(name=camel(name), value=str(value)) for name, value in error.details.items() if value is not None
    ]
    return UserError(code=error.code, message=error.message, field=field_path(error.field, within), facts=facts)


def field_path(field: str | None, within: Path = INPUT) -> list[str]:
    """The way from the mutation's arguments to an input field."""
    if field is None:
        return []
    if field in {"latitude", "longitude"}:
        return [*within, "point", field]
    side = _SIDE.fullmatch(field)
    return [*within, *(camel(name) for name in (side.groups() if side else (field,)))]


def camel(name: str) -> str:
    """A name of ours as GraphQL writes it."""
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)


async def attempt(
    context: Context, act: Callable[[Work], Awaitable[T]], within: Path = INPUT
) -> tuple[T | None, list[UserError]]:
    """Do something in one Work. What a person can put right is answered as user errors, and nothing is written."""
    try:
        async with context.work() as work:
            return await act(work), []
    except ParkingError as error:
        return None, [user_error(error, within)]


async def attempt_outside(
    context: Context, done: Awaitable[T], within: Path = INPUT
) -> tuple[T | None, list[UserError]]:
    """Do something with the registry. It is known here before the answer, and every process is told to look."""
    try:
        result = await done
    except ParkingError as error:
        return None, [user_error(error, within)]
    await context.services.announce()
    return result, []
