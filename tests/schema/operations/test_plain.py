"""The short way for attributes: the same answers as graphql-core's own, and never around a guard."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from domain.kernel.actor import Actor, Permission
from schema.api import Api
from schema.declare import PUBLIC, needs, requires
from schema.operations.execution import Answer, execute
from schema.operations.plain import PlainFields, plain_fields
from schema.scalars import CONFIG


class Told(Exception):
    """An error that is the value of an attribute."""


@strawberry.enum
class Colour(Enum):
    """An enum of the response."""

    RED = "red"


@needs(PUBLIC)
@strawberry.type
class Pin:
    """One attribute of each kind."""

    name: str
    colour: Colour
    seen_at: datetime | None
    latitude: float | None = 45.25
    others: list[str] = strawberry.field(default_factory=lambda: ["a"])
    secret: str = strawberry.field(default="for staff", metadata=requires(Permission.VIEW_LOTS))


NOTHING = PlainFields({}, {})
SOUND = Pin(name="Core", colour=Colour.RED, seen_at=datetime(2026, 5, 4, 12, tzinfo=UTC))
DOCUMENT = "{ pin { __typename name colour seenAt latitude others } }"


def api_of(pin: object) -> Api:
    @needs(PUBLIC)
    @strawberry.type
    class Query:
        @strawberry.field
        def pin(self) -> Pin | None:
            return pin  # type: ignore[return-value]  # some of them are wrong on purpose

    return Api("test", strawberry.Schema(Query, config=CONFIG))


async def ask(api: Api, document: str = DOCUMENT, *, in_full: bool = False) -> Answer:
    """The answer; ``in_full`` leaves every field to graphql-core."""
    operation = api.operations.prepare(document)
    return await execute(
        replace(operation, plain=NOTHING, reads={}) if in_full else operation, {}, SimpleNamespace(actor=Actor.guest())
    )


def test_scalars_and_enums_without_a_guard_are_plain() -> None:
    found = {name for owner, name in plain_fields(api_of(SOUND).core, lambda _key: True).leaves if owner == "Pin"}

    assert found == {"name", "colour", "seenAt", "latitude"}


async def test_a_guarded_attribute_stays_guarded() -> None:
    answer = await ask(api_of(SOUND), "{ pin { name secret } }")

    assert [error["extensions"]["code"] for error in answer.errors] == ["login_required"]
    assert answer.data == {"pin": None}


async def test_an_object_of_attributes_is_answered_as_in_full() -> None:
    api = api_of(SOUND)

    short, full = await ask(api), await ask(api, in_full=True)

    assert short == full
    assert short.data == {
        "pin": {
            "__typename": "Pin",
            "name": "Core",
            "colour": "RED",
            "seenAt": "2026-05-04T12:00:00.000Z",
            "latitude": 45.25,
            "others": ["a"],
        }
    }


@pytest.mark.parametrize(
    "odd",
    [{"name": None}, {"seen_at": "yesterday"}, {"latitude": float("nan")}, {"name": Told("told")}, {"colour": 7}],
    ids=str,
)
async def test_what_is_odd_is_answered_as_in_full(odd: dict[str, Any]) -> None:
    api = api_of(replace(SOUND, **odd))

    short, full = await ask(api), await ask(api, in_full=True)

    assert short.data == full.data
    assert [error["path"] for error in short.errors] == [error["path"] for error in full.errors] != []


async def test_an_attribute_that_must_be_awaited_is_awaited() -> None:
    later = asyncio.get_running_loop().create_future()
    later.set_result("Later")

    odd: dict[str, Any] = {"name": later}
    answer = await ask(api_of(replace(SOUND, **odd)), "{ pin { name } }")

    assert answer.data == {"pin": {"name": "Later"}}
