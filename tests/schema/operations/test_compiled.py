"""The generated executor: any document over any values is answered as graphql-core answers it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.actor import Actor
from schema.api import Api
from schema.declare import PUBLIC, needs
from schema.operations.errors import Refused
from schema.operations.execution import Answer, execute
from schema.operations.plain import PlainFields
from schema.operations.preparing import Operation
from schema.scalars import CONFIG
from tests.fixtures.schemas import APIS


class Told(Exception):
    """An error that is the value of an attribute."""


@strawberry.enum
class Colour(Enum):
    """An enum of the response."""

    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Place:
    """What two types have in common."""

    name: str
    near: "list[Place]"


@needs(PUBLIC)
@strawberry.type
class Lot(Place):
    """One of them, with an attribute of each kind."""

    colour: Colour
    seats: int | None
    latitude: float | None
    is_open: bool
    seen_at: datetime | None
    opens: time
    tags: list[str]
    closes: time | None = None


@needs(PUBLIC)
@strawberry.type
class Gate(Place):
    """The other one."""

    lot: Lot | None
    rows: list[list[Lot | None] | None]

    @strawberry.field
    def width(self, unit: str = "m") -> str | None:
        """A field with a resolver and an argument."""
        return f"3 {unit}"


@dataclass
class World:
    """What the one query finds."""

    places: Any = None


@needs(PUBLIC)
@strawberry.type
class Query:
    """What is asked."""

    @strawberry.field
    def places(self, info: strawberry.Info) -> list[Place | None] | None:
        """All places."""
        return info.context.world.places  # type: ignore[no-any-return]

    @strawberry.field
    async def place(self, info: strawberry.Info) -> Place:
        """The first."""
        return info.context.world.places[0]  # type: ignore[no-any-return]


API = Api("toy", strawberry.Schema(Query, types=[Lot, Gate], config=CONFIG))
NOTHING = PlainFields({}, {})
BEFORE_ALL_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
"""In UTC this would be in the year 0, which Python has not."""
ODD = st.sampled_from([None, 7, "text", float("nan"), Told("told"), object(), [], 2**40, True])


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value of the right kind, now and then one that is odd."""
    return st.integers(0, 30).flatmap(lambda chance: ODD if chance == 0 else usual)


LOTS = st.builds(
    Lot,
    name=mostly(st.text(max_size=3)),
    near=mostly(st.just([])),
    colour=mostly(st.sampled_from(Colour)),
    seats=mostly(st.none() | st.integers(-5, 5)),
    latitude=mostly(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=16)),
    is_open=mostly(st.booleans()),
    seen_at=mostly(st.none() | st.sampled_from([datetime(2026, 5, 4, 12, tzinfo=UTC), BEFORE_ALL_TIME])),
    opens=mostly(st.just(time(9, 30))),
    closes=mostly(st.none() | st.just(time(17))),
    tags=mostly(st.lists(st.text(max_size=2), max_size=2)),
)
GATES = st.builds(
    Gate,
    name=mostly(st.text(max_size=3)),
    near=mostly(st.lists(LOTS, max_size=2)),
    lot=mostly(st.none() | LOTS),
    rows=mostly(st.lists(st.none() | st.lists(st.none() | LOTS, max_size=2), max_size=2)),
)
PLACES = mostly(st.lists(st.none() | LOTS | GATES, min_size=1, max_size=3))

LEAF = st.sampled_from(["name", "__typename", "called: name"])
OF_LOT = LEAF | st.sampled_from(
    ["colour", "seats", "latitude", "isOpen", "seenAt", "opens", "closes", "tags", "seats @include(if: $yes)"]
)


def block(fields: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(fields, min_size=1, max_size=4).map(lambda chosen: "{ " + " ".join(chosen) + " }")


IN_LOT = block(OF_LOT)
IN_GATE = block(
    LEAF
    | st.sampled_from(["width", 'width(unit: "ft")'])
    | IN_LOT.map(lambda inside: f"lot {inside}")
    | IN_LOT.map(lambda inside: f"rows {inside}")
    | IN_LOT.map(lambda inside: f"near {{ ... on Lot {inside} }}")
)
IN_PLACE = block(
    LEAF
    | IN_LOT.map(lambda inside: f"... on Lot {inside}")
    | IN_GATE.map(lambda inside: f"... on Gate {inside}")
    | IN_GATE.map(lambda inside: f"... on Gate @skip(if: $yes) {inside}")
    | st.just("...Named")
    | st.just("near { name }")
)
DOCUMENTS = st.builds(
    lambda first, second: (
        f"query($yes: Boolean!) {{ places {first} place {second} }} fragment Named on Place {{ name __typename }}"
    ),
    IN_PLACE,
    IN_PLACE,
)


def run(operation: Operation, world: World, *, yes: bool = True) -> Answer:
    context: Any = SimpleNamespace(actor=Actor.guest(), world=world)
    return asyncio.run(execute(operation, {"yes": yes}, context))


def shown(answer: Answer) -> object:
    """What a client sees, without the ids of masked errors."""
    errors = [{**error, "extensions": {**error["extensions"], "id": ""}} for error in answer.errors]
    return answer.data, sorted(map(repr, errors))


@given(text=DOCUMENTS, places=PLACES, yes=st.booleans())
@settings(max_examples=80, deadline=None)
def test_whatever_is_asked_of_whatever_values_is_answered_as_in_full(text: str, places: object, yes: bool) -> None:
    if "Named" not in text.split("fragment", maxsplit=1)[0].replace("...", ""):
        text = text.split(" fragment ", maxsplit=1)[0]
    try:
        operation = API.operations.prepare(text)
    except Refused:
        return
    in_full = replace(operation, plain=NOTHING, reads={})

    assert shown(run(operation, World(places), yes=yes)) == shown(run(in_full, World(places), yes=yes))


SOUND = Lot(
    name="Core",
    near=[],
    colour=Colour.RED,
    seats=3,
    latitude=45.5,
    is_open=True,
    seen_at=None,
    opens=time(9),
    tags=["a"],
)


def test_the_comparison_would_notice_another_answer() -> None:
    operation = API.operations.prepare("query($yes: Boolean!) { places { name @include(if: $yes) } place { name } }")
    ((key, _read), *_) = operation.reads.items()
    lying = replace(operation, reads={key: lambda _value: {"name": "a lie"}})

    assert shown(run(lying, World([SOUND]))) != shown(run(operation, World([SOUND])))


def test_what_is_only_attributes_is_compiled_and_what_has_arguments_is_not() -> None:
    whole = API.operations.prepare("{ places { name ... on Lot { colour seats } } }")
    partly = API.operations.prepare("{ places { name ... on Gate { width lot { name } } } }")

    assert {parent for parent, _ in whole.reads} == {"Query"}
    assert {parent for parent, _ in partly.reads} == {"Gate"}


@pytest.mark.parametrize("name", APIS)
def test_generated_source_is_made_once_a_document(name: str) -> None:
    operations = APIS[name].operations
    text = "{ __typename }"

    assert operations.prepare(text).reads is operations.prepare(text).reads


def test_an_awaitable_attribute_is_left_to_graphql_core() -> None:
    async def ask() -> Answer:
        later = asyncio.get_running_loop().create_future()
        later.set_result("Later")
        odd: dict[str, Any] = {"name": later}
        operation = API.operations.prepare("{ place { name } }")
        context: Any = SimpleNamespace(actor=Actor.guest(), world=World([replace(SOUND, **odd)]))
        return await execute(operation, {}, context)

    assert asyncio.run(ask()).data == {"place": {"name": "Later"}}
