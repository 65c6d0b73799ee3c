"""Fields that are nothing but an attribute of their object: read and written without the ceremony of a resolver.

On a map of twenty groups they are 180 of 201 fields. A field with a guard is never among them, and whatever is odd about a
value (a null where none may be, an error, something to await) is left to graphql-core, which tells it with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_introspection_type,
    is_leaf_type,
    is_non_null_type,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.types.field import StrawberryField

DEFINITION = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class PlainField:
    """How to read the attribute of an object and write it as a scalar or an enum of the response."""

    read: Callable[[Any, str], Any]
    attribute: str
    write: Callable[[Any], Any]
    is_nullable: bool

    def value(self, source: object) -> Any:  # noqa: ANN401 - any scalar of the response
        """The value as it is sent; Undefined if it must be completed in the ordinary way."""
        try:
            found = self.read(source, self.attribute)
            if isinstance(found, Exception) or optimized_is_awaitable(found):
                return Undefined
            written = None if found is None else self.write(found)
        except Exception:  # noqa: BLE001 - the ordinary way meets the same error and tells it
            return Undefined
        is_whole = written is not None or (found is None and self.is_nullable)
        return written if is_whole else Undefined


Key = tuple[str, str]
"""A type's name and a field's."""


@dataclass(frozen=True, slots=True)
class PlainFields:
    """All plain fields of a schema: scalars and enums as they are written, and how objects and lists of them are read.

    ``objects`` holds an attribute, or a public method without arguments that is nothing but a reading of its object.
    """

    leaves: Mapping[Key, PlainField]
    objects: Mapping[Key, str | Callable[[Any], Any]]


def plain_fields(schema: GraphQLSchema, is_public: Callable[[Key], bool]) -> PlainFields:
    """The plain fields of a guarded schema."""
    objects = (t for t in schema.type_map.values() if isinstance(t, GraphQLObjectType) and not is_introspection_type(t))
    fields = {(named.name, name): field for named in objects for name, field in named.fields.items()}
    found = {key: (field, attribute) for key, field in fields.items() if (attribute := _attribute(field)) is not None}
    leaves = {key: plain for key, (field, _) in found.items() if (plain := _plain(field)) is not None}
    objects_by_attribute = {key: attribute for key, (_, attribute) in found.items() if key not in leaves}
    methods = {
        key: method for key, field in fields.items() if is_public(key) and (method := _method(field)) is not None
    }
    return PlainFields(leaves, {**objects_by_attribute, **methods})


def _attribute(field: GraphQLField) -> str | None:
    """Strawberry marks the resolvers it makes for attributes; the guard's own have no mark."""
    definition = field.extensions.get(DEFINITION)
    if not isinstance(definition, StrawberryField) or not getattr(field.resolve, "_is_default", False):
        return None
    return definition.python_name


def _method(field: GraphQLField) -> Callable[[Any], Any] | None:
    """A resolver that takes nothing but its object. It may be called twice, so it must be a method of its type."""
    definition = field.extensions.get(DEFINITION)
    resolver = definition.base_resolver if isinstance(definition, StrawberryField) else None
    if resolver is None or resolver.is_async or resolver.arguments or field.subscribe is not None:
        return None
    if resolver.self_parameter is None or resolver.info_parameter is not None:
        return None
    return cast("Callable[[Any], Any]", resolver.wrapped_func)


def _plain(field: GraphQLField) -> PlainField | None:
    definition: StrawberryField = field.extensions[DEFINITION]
    written_as = field.type.of_type if is_non_null_type(field.type) else field.type
    if not is_leaf_type(written_as):
        return None
    return PlainField(
        definition.default_resolver,
        definition.python_name,
        written_as.coerce_output_value,
        is_nullable=written_as is field.type,
    )
