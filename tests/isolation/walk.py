"""All calls of an API that take an id, made from its schema: a new field is among them without a line of test.

A *place* is one argument or input field that takes an id, or a list of them. A call fills one place with the id that is
tried and everything else with values that are good where the caller is at home, so that only the tried id can be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from tests.isolation.people import Json

DEEP = 2
ROOTS = ("query", "mutation", "subscription")
OF_SCALAR: Mapping[str, object] = {
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "DateTime": "2030-05-04T12:00:00Z",
    "Date": "2030-05-04",
    "LocalTime": "09:00",
}
WORDS = count(1)
WORD = re.compile(r"word\d+x")
"""Text that is typed by a call; another one each time, since names are taken once."""

Way = tuple[str, ...]
Slot = GraphQLArgument | GraphQLInputField


@dataclass(frozen=True)
class Place:
    """Where an id goes: the root field, and the way through its arguments."""

    kind: str
    name: str
    way: Way
    field: GraphQLField

    @property
    def label(self) -> str:
        """As a person would name it: ``mutation updateLot(id)``."""
        return f"{self.kind} {self.name}({'.'.join(self.way)})"


@dataclass(frozen=True)
class Call:
    """A document with its variables."""

    kind: str
    document: str
    variables: Json


def places(schema: GraphQLSchema) -> Iterator[Place]:
    """Every place of every root field that takes an id."""
    for kind, name, field in root_fields(schema):
        for argument, slot in field.args.items():
            for way in _ways(slot.type, ()):
                yield Place(kind, name, (argument, *way), field)


def root_fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """All root fields with the kind of operation that they belong to."""
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    for kind, root in zip(ROOTS, roots, strict=True):
        for name, field in root.fields.items() if root is not None else ():
            yield kind, name, field


def node_types(schema: GraphQLSchema) -> list[str]:
    """The names of all types that have an id of their own."""
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return sorted(named.name for named in schema.get_possible_types(node))


def call(schema: GraphQLSchema, place: Place, tried: str, own: Mapping[str, str]) -> Call:
    """The call that tries an id in a place. ``own`` are ids that the caller may name, by type."""
    fill = _Filling(place, tried, own)
    given = {n: fill.value(slot, (n,)) for n, slot in place.field.args.items() if fill.is_wanted(slot, (n,))}
    return _call(schema, place.kind, place.name, place.field, given)


def plain_calls(schema: GraphQLSchema) -> Iterator[Call]:
    """Every query and subscription that needs no id: what the caller sees without naming anything."""
    taken = {(place.kind, place.name) for place in places(schema) if _is_needed(place)}
    for kind, name, field in root_fields(schema):
        if kind != "mutation" and (kind, name) not in taken:
            fill = _Filling(None, "", {})
            given = {n: fill.value(slot, (n,)) for n, slot in field.args.items() if is_required_argument(slot)}
            yield _call(schema, kind, name, field, given)


class _Filling:
    """Values for the arguments of one call."""

    def __init__(self, place: Place | None, tried: str, own: Mapping[str, str]) -> None:
        self._place = place
        self._tried = tried
        self._own = own

    def is_wanted(self, slot: Slot, way: Way) -> bool:
        if self._place is not None and self._place.way[: len(way)] == way:
            return True
        return is_required_argument(slot) if isinstance(slot, GraphQLArgument) else is_required_input_field(slot)

    def value(self, slot: Slot, way: Way) -> object:
        return self._of(slot.type, way)

    def _of(self, wanted: GraphQLInputType, way: Way) -> object:
        inner = wanted.of_type if isinstance(wanted, GraphQLNonNull) else wanted
        if isinstance(inner, GraphQLList):
            return [self._of(inner.of_type, way)]
        if isinstance(inner, GraphQLInputObjectType):
            fields = inner.fields.items()
            return {n: self._of(f.type, (*way, n)) for n, f in fields if self.is_wanted(f, (*way, n))}
        if isinstance(inner, GraphQLEnumType):
            return next(iter(inner.values))
        if inner.name == "ID":
            return self._tried if self._place and self._place.way == way else self._own_id(way)
        return OF_SCALAR.get(inner.name) or f"word{next(WORDS)}x"

    def _own_id(self, way: Way) -> str:
        """An id of the caller's own, of the type that the name speaks of: ``lotId`` of a lot, ``id`` of the field's."""
        return self._own.get(spoken_type(way, self._place.name if self._place else "", self._own), "")


def spoken_type(way: Way, field: str, types: Iterable[str]) -> str:
    """The type that the name of a place speaks of: ``lotId`` of a lot, ``updateLot(id)`` too; empty if of none."""
    spoken = (way[-1] if way[-1] != "id" else field).lower()
    return max((name for name in types if name.lower() in spoken), key=len, default="")


def _ways(wanted: GraphQLInputType, seen: tuple[str, ...]) -> Iterator[Way]:
    named = get_named_type(wanted)
    if named.name == "ID":
        yield ()
    elif isinstance(named, GraphQLInputObjectType) and named.name not in seen:
        for name, field in named.fields.items():
            yield from ((name, *way) for way in _ways(field.type, (*seen, named.name)))


def _is_needed(place: Place) -> bool:
    return is_required_argument(place.field.args[place.way[0]]) and len(place.way) == 1


def _call(schema: GraphQLSchema, kind: str, name: str, field: GraphQLField, given: Json) -> Call:
    declared = ", ".join(f"${n}: {field.args[n].type}" for n in given)
    passed = ", ".join(f"{n}: ${n}" for n in given)
    head = f"{kind} ({declared}) {{ {name}({passed})" if given else f"{kind} {{ {name}"
    return Call(kind, f"{head}{selection(schema, get_named_type(field.type), DEEP)} }}", given)


def selection(schema: GraphQLSchema, named: GraphQLNamedType, deep: int) -> str:
    """All that can be read of a type without arguments, and of what lies in it so deep; lists of lists stop earlier."""
    if is_leaf_type(named):
        return ""
    parts = ["__typename"]
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        parts += [f"{n}{inside}" for n, f in named.fields.items() if (inside := _inside(schema, f, deep)) is not None]
    if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
        parts += [f"... on {one.name}{selection(schema, one, 0)}" for one in schema.get_possible_types(named)]
    return f" {{ {' '.join(parts)} }}"


def _inside(schema: GraphQLSchema, field: GraphQLField, deep: int) -> str | None:
    named = get_named_type(field.type)
    if any(is_required_argument(argument) for argument in field.args.values()):
        return None
    if is_leaf_type(named):
        return ""
    is_thin = named.name in {"PageInfo", "UserError"} or named.name.endswith(("Edge", "Connection"))
    return None if deep == 0 and not is_thin else selection(schema, named, deep if is_thin else deep - 1)


def normal(text: str, tried: str) -> str:
    """An answer without what is the caller's own words: the id that was tried, and the text that was typed."""
    return WORD.sub("WORD", text.replace(tried, "ID"))
