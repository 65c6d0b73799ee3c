"""Enums of the domain as GraphQL enums: the domain knows no GraphQL, so their descriptions are given here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

E = TypeVar("E", bound=Enum)


class DescribedTwice(Exception):
    """An enum is described in two places."""


def described(enum: type[E], description: str, values: Mapping[E, str], *, name: str | None = None) -> type[E]:
    """Make an enum known to GraphQL, with a description of itself and of each value. Raises KeyError for one left out.

    Once only: of two descriptions the later import would win. Raises DescribedTwice.
    """
    if "__strawberry_definition__" in vars(enum):
        raise DescribedTwice(enum.__qualname__)
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # set above
    for value in definition.values:
        value.description = values[enum[value.name]]
    return enum
