"""What a document may cost at most to answer, told before it runs: objects, times the sizes of the lists around them.

Every field that answers with objects costs 1, and so does every field of the root; other scalars are free, since they come
with their object (weights as in the GraphQL Cost Directives specification, ibm.github.io/graphql-specs). A list is as long
as its page argument says, else as its field declares (``sized``), else ``ASSUMED_SIZE``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from strawberry.types.field import StrawberryField

from schema.declare import SIZE

ASSUMED_SIZE = 20
PAGES = ("first", "last")
KEYS = "ids"
DEFINITION = "strawberry-definition"
MOST = 10**9
"""No list is counted as longer: sums stay small numbers whatever a variable says."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long a list may be: ``known``, or what a variable says at the time of the request."""

    known: int
    variable: str = ""

    def of(self, variables: Mapping[str, Any]) -> int:
        """The size for these variables; a value that is no size will be refused elsewhere and counts as the known one."""
        said = variables.get(self.variable) if self.variable else None
        if isinstance(said, list):
            return len(said)
        if isinstance(said, int | float) and not isinstance(said, bool):  # 100.0 is an Int too
            return int(min(max(said, 0), MOST))
        return self.known


@dataclass(frozen=True, slots=True)
class Cost:
    """``fixed``, and for each list whose length a variable tells the cost of one item."""

    fixed: int = 0
    lists: tuple[tuple[Size, Cost], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The cost of one request."""
        if not self.lists:
            return self.fixed
        return min(MOST, self.fixed + sum(size.of(variables) * item.of(variables) for size, item in self.lists))

    def plus(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(min(MOST, self.fixed + other.fixed), self.lists + other.lists)

    def in_list(self, size: Size) -> Cost:
        """So many of it."""
        if size.variable:
            return Cost(0, ((size, self),))
        if not self.lists:
            return Cost(min(MOST, self.fixed * size.known))
        return Cost(0, ((size, self),))


ONE = Cost(1)
NOTHING = Cost()


def cost_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Cost:
    """The cost of a validated operation; the limits have bounded its expanded selection before."""
    root = schema.get_root_type(operation.operation)
    defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
    walk = _Walk(schema, fragments, {name: value for name, value in defaults.items() if value is not None})
    return walk.below(operation.selection_set, root, is_root=True) if root else NOTHING


class _Walk:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, ValueNode],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults

    def below(
        self, selected: SelectionSetNode, parent: GraphQLNamedType, page: Size | None = None, *, is_root: bool = False
    ) -> Cost:
        """The cost of what is selected in one object. ``page`` is the size of the page that the object is, if it is one."""
        total = NOTHING
        for node in selected.selections:
            total = total.plus(self._node(node, parent, page, is_root=is_root))
        return total

    def _node(self, node: SelectionNode, parent: GraphQLNamedType, page: Size | None, *, is_root: bool) -> Cost:
        if isinstance(node, FieldNode):
            return self._field(node, parent, page, is_root=is_root)
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments[node.name.value]
            inside = self._schema.type_map[fragment.type_condition.name.value]
            return self.below(fragment.selection_set, inside, page, is_root=is_root)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inside = self._schema.type_map[condition.name.value] if condition else parent
            return self.below(node.selection_set, inside, page, is_root=is_root)
        return NOTHING

    def _field(self, node: FieldNode, parent: GraphQLNamedType, page: Size | None, *, is_root: bool) -> Cost:
        field: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
        if field is None:  # __typename, or introspection, which has limits of its own
            return NOTHING
        inner = get_named_type(field.type)
        if node.selection_set is None or not is_composite_type(inner):
            return ONE if is_root else NOTHING
        asked = self._asked_size(node, field)
        if not is_list_type(get_nullable_type(field.type)):
            return ONE.plus(self.below(node.selection_set, inner, asked))
        size = asked or page or _declared_size(field)
        return ONE.plus(self.below(node.selection_set, inner)).in_list(size)

    def _asked_size(self, node: FieldNode, field: GraphQLField) -> Size | None:
        """What the field's page argument says, which counts for the list itself or for the lists of its page."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name in (*PAGES, KEYS):
            if name in given or name in field.args:
                return self._said(given.get(name), _usual_size(field, name))
        return None

    def _said(self, value: ValueNode | None, usual: int) -> Size:
        if isinstance(value, VariableNode):
            name = value.name.value
            return Size(_literal_size(self._defaults.get(name), usual), name)
        return Size(_literal_size(value, usual))


def _literal_size(value: ValueNode | None, usual: int) -> int:
    if isinstance(value, IntValueNode):
        return max(int(value.value), 0) if len(value.value) < len(str(MOST)) else MOST
    return len(value.values) if isinstance(value, ListValueNode) else usual


def _usual_size(field: GraphQLField, argument: str) -> int:
    """The page that the schema gives to whoever does not say."""
    known = field.args.get(argument)
    default = known.default.value if known is not None and known.default else getattr(known, "default_value", None)
    return default if isinstance(default, int) else _declared_size(field).known


def _declared_size(field: GraphQLField) -> Size:
    definition = field.extensions.get(DEFINITION)
    declared = definition.metadata.get(SIZE) if isinstance(definition, StrawberryField) else None
    return Size(declared if isinstance(declared, int) else ASSUMED_SIZE)
