"""Which viewers see the same: the permissions an operation mentions, and whether it is about the person who asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)

from domain.kernel.actor import Actor, Permission
from schema.declare import SUBJECT, Rule
from schema.guard import FieldRules


@dataclass(frozen=True, slots=True)
class Visibility:
    """On what the answer to an operation depends besides its variables and the data."""

    permissions: frozenset[Permission]
    is_personal: bool

    def class_of(self, actor: Actor) -> Actor | None:
        """The reduced actor that stands for all who see the same, or None if nobody may share."""
        return None if self.is_personal else actor.reduced(self.permissions)


def visibility(
    schema: GraphQLSchema,
    rules: FieldRules,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Visibility:
    """The visibility of a validated operation. A field without a rule counts as personal."""
    root = schema.get_root_type(operation.operation)
    mentioned = list(_Walk(schema, rules, fragments).below(operation.selection_set, root)) if root else []
    return Visibility(
        frozenset(p for rule in mentioned for p in rule.permissions), any(rule.need is SUBJECT for rule in mentioned)
    )


class _Walk:
    """One pass over the expanded selection with its types; the limits have bounded it before."""

    def __init__(
        self, schema: GraphQLSchema, rules: FieldRules, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._rules = rules
        self._fragments = fragments

    def below(self, selected: SelectionSetNode, parent: GraphQLNamedType) -> Iterator[Rule]:
        for node in selected.selections:
            yield from self._rules_at(node, parent)

    def _rules_at(self, node: SelectionNode, parent: GraphQLNamedType) -> Iterator[Rule]:
        if isinstance(node, FieldNode):
            yield from self._field(node, parent)
        elif isinstance(node, FragmentSpreadNode):
            fragment = self._fragments[node.name.value]
            yield from self.below(fragment.selection_set, self._schema.type_map[fragment.type_condition.name.value])
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            yield from self.below(
                node.selection_set, self._schema.type_map[condition.name.value] if condition else parent
            )

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> Iterator[Rule]:
        name = node.name.value
        if name.startswith("__"):
            return
        inner: GraphQLNamedType | None = None
        for possible in self._objects(parent):
            yield self._rules.by_field.get((possible.name, name), Rule(SUBJECT))
            field = possible.fields.get(name)
            inner = get_named_type(field.type) if field else inner
        declared = getattr(parent, "fields", {}).get(name)
        inner = get_named_type(declared.type) if declared else inner
        if node.selection_set is not None and inner is not None:
            yield from self.below(node.selection_set, inner)

    def _objects(self, named: GraphQLNamedType) -> Iterable[GraphQLObjectType]:
        """The types an object may have at run time: each may have another rule for the same field."""
        if isinstance(named, GraphQLObjectType):
            return (named,)
        return self._schema.get_possible_types(named) if is_abstract_type(named) else ()
