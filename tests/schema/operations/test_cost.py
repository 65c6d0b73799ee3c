"""The static cost of an operation: objects times the sizes of the lists around them."""

from typing import Any

import pytest
import strawberry

from schema.api import Api
from schema.declare import PUBLIC, needs, requires, sized
from schema.operations.errors import Refused
from schema.operations.store import Rules
from schema.paging import Connection


@needs(PUBLIC)
@strawberry.type
class Leaf:
    """A leaf."""

    name: str


@needs(PUBLIC)
@strawberry.type
class Tree:
    """A tree."""

    name: str
    best: Leaf
    leaves: list[Leaf]
    few: list[Leaf] = strawberry.field(metadata=sized(3))


def nothing() -> Any:  # noqa: ANN401 - never executed here
    raise NotImplementedError


def pages(first: int = 50) -> Connection[Leaf]:
    raise NotImplementedError(first)


def by_ids(ids: list[strawberry.ID]) -> list[Leaf]:
    raise NotImplementedError(ids)


@strawberry.type
class Query:
    """What is asked."""

    count: int = strawberry.field(resolver=lambda: 1, metadata=requires(PUBLIC))
    tree: Tree = strawberry.field(resolver=nothing, metadata=requires(PUBLIC))
    trees: list[Tree] = strawberry.field(resolver=nothing, metadata=requires(PUBLIC))
    pages: Connection[Leaf] = strawberry.field(resolver=pages, metadata=requires(PUBLIC))
    by_ids: list[Leaf] = strawberry.field(resolver=by_ids, metadata=requires(PUBLIC))


def cost(text: str, variables: dict[str, Any] | None = None, rules: Rules | None = None) -> int:
    api = Api("toy", strawberry.Schema(Query), rules)
    return api.operations.prepare(text).cost_of(variables or {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ count }", 1),
        ("{ __typename }", 0),
        ("{ tree { name } }", 1),
        ("{ tree { name best { name } } }", 2),
        ("{ tree { few { name } } }", 1 + 3),
        ("{ tree { leaves { name } } }", 1 + 20),
        ("{ trees { few { name } } }", 20 * (1 + 3)),
        ("{ a: tree { name } ...F } fragment F on Query { trees { name } }", 1 + 20),
        ("{ pages(first: 7) { edges { node { name } } } }", 1 + 7 * 2),
        ("{ pages { edges { node { name } } } }", 1 + 50 * 2),
        ('{ byIds(ids: ["a", "b", "c"]) { name } }', 3),
        ("{ pages(first: 2147483647) { edges { cursor } } }", 10**9),
    ],
)
def test_what_an_operation_costs(text: str, expected: int) -> None:
    assert cost(text, rules=Rules(guest_cost=10**9)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, 1 + 5),
        ({"n": 3}, 1 + 3),
        ({"n": 0}, 1),
        ({"n": -4}, 1),
        ({"n": None}, 1 + 5),
        ({"n": True}, 1 + 5),
        ({"n": 9.0}, 1 + 9),
    ],
)
def test_a_page_that_a_variable_tells_costs_what_the_variable_says(said: dict[str, Any], expected: int) -> None:
    assert cost("query($n: Int = 5) { pages(first: $n) { edges { cursor } } }", said) == expected


def test_a_list_of_ids_costs_its_length() -> None:
    text = "query($ids: [ID!]!) { byIds(ids: $ids) { name } }"

    assert cost(text, {"ids": ["a"] * 17}) == 17


def test_what_costs_too_much_is_refused_when_the_variables_are_known() -> None:
    text, rules = "query($n: Int!) { pages(first: $n) { edges { node { name } } } }", Rules(guest_cost=100)

    assert cost(text, {"n": 49}, rules) == 99
    store = Api("toy", strawberry.Schema(Query), rules).operations
    with pytest.raises(Refused) as error:
        store.cost_of(store.prepare(text), {"n": 50})
    assert error.value.code == "LIMIT_COST"
    assert store.refused == {"LIMIT_COST": 1}
