"""Fields that are nothing but an attribute of their object: read and written without the ceremony of a resolver.

On a map of twenty groups they are 180 of 201 fields. A field with a guard is never among them, and whatever is odd about a
value (a null where none may be, an error, something to await) is left to graphql-core, which tells it with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


PlainFields = Mapping[tuple[str, str], PlainField]


def plain_fields(schema: GraphQLSchema) -> PlainFields:
    """All plain fields of a guarded schema, by type and field name."""
    objects = (t for t in schema.type_map.values() if isinstance(t, GraphQLObjectType) and not is_introspection_type(t))
    fields = (((named.name, name), _plain(field)) for named in objects for name, field in named.fields.items())
    return {key: plain for key, plain in fields if plain is not None}


def _plain(field: GraphQLField) -> PlainField | None:
    """Strawberry marks the resolvers it makes for attributes; the guard's own have no mark."""
    definition = field.extensions.get(DEFINITION)
    if not isinstance(definition, StrawberryField) or not getattr(field.resolve, "_is_default", False):
        return None
    written_as = field.type.of_type if is_non_null_type(field.type) else field.type
    if not is_leaf_type(written_as):
        return None
    return PlainField(
        definition.default_resolver,
        definition.python_name,
        written_as.coerce_output_value,
        is_nullable=written_as is field.type,
    )
