"""Deny by default: every field of every object type has a rule, and its resolver is wrapped with the check of it.

Runs once, when an API is built. A field without a rule stops the build, and so does one of a feature that may not be null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationType,
    is_introspection_type,
    is_non_null_type,
)
from strawberry import relay
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from domain.kernel.actor import Permission
from domain.kernel.features import Feature, require_feature
from schema.declare import PUBLIC, RULE, STRANGERS, SUBJECT, TOPICS, Need, Rule

DEFINITION = "strawberry-definition"
Resolver = Callable[..., Any]

FOREIGN: Mapping[type, Rule] = {relay.PageInfo: Rule(PUBLIC)}
"""Types of the library, which can not be decorated: the field that returns one has a rule of its own."""


class UndeclaredField(Exception):
    """A field, or a subscription's topics, are not declared: nobody decided who may read it."""


class FeatureNotNullable(Exception):
    """A field of a feature promises a value also to those who do not have the feature."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The rules of one schema by type and field name, and the topics of the root fields that have some.

    ``guarded`` are the public root fields that a preview answers only to who is logged in there.
    """

    by_field: Mapping[tuple[str, str], Rule]
    topics: Mapping[tuple[OperationType, str], frozenset[str]]
    guarded: frozenset[tuple[OperationType, str]]


def guard(schema: GraphQLSchema) -> FieldRules:
    """Wrap the resolvers of a freshly built schema in place and return its rules.

    Raises UndeclaredField, FeatureNotNullable.
    """
    rules: dict[tuple[str, str], Rule] = {}
    undeclared: list[str] = []
    for parent, name, field in _object_fields(schema):
        rule = _rule_of(parent, field)
        if rule is None:
            undeclared.append(f"{parent.name}.{name}")
            continue
        rules[parent.name, name] = rule
        if rule.feature is not None and is_non_null_type(field.type) and field.subscribe is None:
            raise FeatureNotNullable(f"{parent.name}.{name} must be nullable: it is part of {rule.feature}")
        _wrap(field, rule)
    topics = _topics(schema)
    undeclared += [
        f"{name} (live topics)"
        for (kind, name), found in topics.items()
        if kind is OperationType.SUBSCRIPTION and not found
    ]
    if undeclared:
        raise UndeclaredField("nobody decided who may read: " + ", ".join(sorted(undeclared)))
    return FieldRules(rules, topics, _for_known_people(schema, rules))


def _object_fields(schema: GraphQLSchema) -> Iterator[tuple[GraphQLObjectType, str, GraphQLField]]:
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not is_introspection_type(named):
            for name, field in named.fields.items():
                yield named, name, field


def _rule_of(parent: GraphQLObjectType, field: GraphQLField) -> Rule | None:
    definition = field.extensions.get(DEFINITION)
    if isinstance(definition, StrawberryField) and RULE in definition.metadata:
        rule = definition.metadata[RULE]
        return rule if isinstance(rule, Rule) else None
    described = parent.extensions.get(DEFINITION)
    return _rule_of_type(described) if isinstance(described, StrawberryObjectDefinition) else None


def _rule_of_type(definition: StrawberryObjectDefinition) -> Rule | None:
    """The type's own rule. A specialised generic is a class made by Strawberry below the one that was written."""
    written = definition.concrete_of.origin if definition.concrete_of else definition.origin
    rule = vars(written).get(RULE, FOREIGN.get(written))
    return rule if isinstance(rule, Rule) else None


def _topics(schema: GraphQLSchema) -> dict[tuple[OperationType, str], frozenset[str]]:
    return {
        (kind, name): field.extensions[DEFINITION].metadata.get(TOPICS, frozenset())
        for kind in (OperationType.QUERY, OperationType.SUBSCRIPTION)
        if (root := schema.get_root_type(kind)) is not None
        for name, field in root.fields.items()
    }


def _for_known_people(
    schema: GraphQLSchema, rules: Mapping[tuple[str, str], Rule]
) -> frozenset[tuple[OperationType, str]]:
    return frozenset(
        (kind, name)
        for kind in OperationType
        if (root := schema.get_root_type(kind)) is not None
        for name, field in root.fields.items()
        if rules.get((root.name, name), Rule(PUBLIC)).need is PUBLIC
        and STRANGERS not in field.extensions[DEFINITION].metadata
    )


def _wrap(field: GraphQLField, rule: Rule) -> None:
    """Put the checks before the resolver; for a subscription field before ``subscribe``, where the state is read."""
    if field.subscribe is not None:
        field.subscribe = _guarded(field.subscribe, rule)
    elif field.resolve is not None:
        field.resolve = _guarded(field.resolve, rule)


def _guarded(resolve: Resolver, rule: Rule) -> Resolver:
    """First who asks, then what their site has: who may not see a field is not told of features."""
    if rule.feature is not None:
        resolve = _featured(resolve, rule.feature)
    return resolve if rule.need is PUBLIC else _checked(resolve, rule.need)


def _featured(resolve: Resolver, feature: Feature) -> Resolver:
    def resolve_if_on(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:  # noqa: ANN401
        require_feature(info.context.environment.features, feature)
        return resolve(source, info, **arguments)

    return resolve_if_on


def _checked(resolve: Resolver, need: Need) -> Resolver:
    if need is SUBJECT:

        def resolve_for_subject(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:  # noqa: ANN401
            _ = info.context.actor.subject  # raises LoginRequired for a guest, RuntimeError under a shared execution
            return resolve(source, info, **arguments)

        return resolve_for_subject

    permission = Permission(need.value)

    def resolve_if_permitted(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:  # noqa: ANN401
        actor = info.context.actor
        if permission not in actor.permissions:
            actor.require(permission)
        return resolve(source, info, **arguments)

    return resolve_if_permitted
