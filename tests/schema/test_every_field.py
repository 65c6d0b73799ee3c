"""Every field of the three schemas, one by one: somebody decided who may read it, and nobody else gets past that."""

import re
from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLObjectType, is_introspection_type

from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from schema.declare import PUBLIC, SUBJECT
from tests.fixtures.parking import staff
from tests.fixtures.schemas import APIS

FIELDS = [
    (api, named.name, name)
    for api in APIS
    for named in APIS[api].core.type_map.values()
    if isinstance(named, GraphQLObjectType) and not is_introspection_type(named)
    for name in named.fields
]
PARTS = r".(Queries|Mutations|Subscriptions)$"
GUARDED = [case for case in FIELDS if APIS[case[0]].rules.by_field[case[1:]].need is not PUBLIC]


def read(api: str, parent: str, name: str, actor: Actor) -> Any:  # noqa: ANN401 - whatever the field gives
    """What the field's resolver does for somebody, over an object that nothing can be read of."""
    kind = APIS[api].core.type_map[parent]
    assert isinstance(kind, GraphQLObjectType)
    field = kind.fields[name]
    resolve = field.subscribe or field.resolve
    assert resolve is not None
    return resolve(object(), SimpleNamespace(context=SimpleNamespace(actor=actor)))


def test_every_field_has_a_rule_and_no_rule_is_of_a_field_that_is_none() -> None:
    for api, built in APIS.items():
        assert {case[1:] for case in FIELDS if case[0] == api} == set(built.rules.by_field)
    assert len(FIELDS) > 300
    assert len(GUARDED) > 150


@pytest.mark.parametrize("api", APIS)
def test_whatever_a_file_of_an_api_has_to_ask_is_in_that_api(api: str) -> None:
    """A group of fields that nobody put into the query is a feature that nobody reaches."""
    folder, built = import_module(f"schema.{api}"), import_module(f"schema.{api}.api")
    found = [import_module(f"{folder.__name__}.{name}") for _, name, _ in iter_modules(folder.__path__)]
    parts = {part for module in found for name, part in vars(module).items() if re.search(PARTS, name)}
    roots = [root for name in ("Query", "Mutation", "Subscription") if (root := getattr(built, name, None))]

    assert {part.__qualname__ for part in parts if not any(issubclass(root, part) for root in roots)} == set()
    assert len(parts) > 3


@pytest.mark.parametrize("api", APIS)
def test_no_field_with_a_rule_is_read_by_a_guest(api: str) -> None:
    for case in [case for case in GUARDED if case[0] == api]:
        with pytest.raises(LoginRequired):
            read(*case, Actor.guest())


@pytest.mark.parametrize("api", APIS)
def test_no_field_with_a_permission_is_read_without_it(api: str) -> None:
    for case in [case for case in GUARDED if case[0] == api]:
        need = APIS[api].rules.by_field[case[1:]].need
        if need is not SUBJECT:
            with pytest.raises(Denied):
                read(*case, staff(*(frozenset(Permission) - {need})))
