"""Preparing a document: parsed, limited, validated and classified, in this order, once. Keeping it is the store's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    print_ast,
    specified_rules,
    validate,
)
from graphql.validation import ASTValidationRule, NoSchemaIntrospectionCustomRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.guard import FieldRules
from schema.operations.compiled import Reads, compile_reads
from schema.operations.cost import Cost, cost_of
from schema.operations.errors import Code, Refused, refusals, refused
from schema.operations.limits import Limits, check
from schema.operations.plain import PlainFields, plain_fields
from schema.operations.trust import Trust
from schema.operations.visibility import Visibility, visibility

MAX_ERRORS = 10
COMMENTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a document, ready to execute.

    ``id`` is the hash of the operation as printed with its fragments: spacing and comments make no other operation.
    ``topics`` are those of a subscription's root field; of a query they are empty unless each of its root fields has
    some, since only then is it known when its answer changes. ``is_for_strangers``: a preview answers it to everybody.
    """

    id: str
    name: str | None
    kind: OperationType
    document: DocumentNode
    definition: OperationDefinitionNode
    schema: GraphQLSchema
    visibility: Visibility
    topics: frozenset[str]
    is_for_strangers: bool
    cost: Cost
    most_cost: int
    trust: Trust
    hides_suggestions: bool
    plain: PlainFields
    reads: Reads

    @property
    def label(self) -> str:
        """What logs call it."""
        return self.name or self.id[:12]

    def cost_of(self, variables: Mapping[str, Any]) -> int:
        """What a request may cost with these variables. Raises Refused (LIMIT_COST) if that is too much."""
        cost = self.cost.of(variables)
        if cost > self.most_cost:
            raise refused(Code.LIMIT_COST, f"The operation may cost {cost}, and {self.most_cost} at most.")
        return cost


Operations = Mapping[str | None, Operation]
"""The operations of one document by name; the key is None where the only one has no name."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """How documents of one class are looked at; introspection and suggestions tell the schema to whoever asks."""

    limits: Limits
    most_cost: int
    introspection: bool
    suggestions: bool


class Preparer:
    """Prepares documents for one schema."""

    def __init__(self, schema: GraphQLSchema, field_rules: FieldRules) -> None:
        self._schema = schema
        self._field_rules = field_rules
        self._plain = plain_fields(schema, lambda key: field_rules.by_field[key].is_open)

    def prepare(self, text: str, trust: Trust, strictness: Strictness) -> Operations:
        """All operations of a document. Raises Refused: a syntax error, a limit, or an invalid document."""
        document = _parse(text, strictness.limits)
        check(document, strictness.limits)
        rules = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        if not strictness.introspection:
            rules = (*rules, NoSchemaIntrospectionCustomRule)
        errors = self._validate(document, rules, hide_suggestions=not strictness.suggestions)
        if errors:
            raise refusals(Code.VALIDATION_FAILED, errors)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        return {o.name.value if o.name else None: self._operation(o, fragments, trust, strictness) for o in operations}

    def _validate(
        self, document: DocumentNode, rules: tuple[type[ASTValidationRule], ...], *, hide_suggestions: bool
    ) -> list[GraphQLError]:
        return validate(self._schema, document, rules, max_errors=MAX_ERRORS, hide_suggestions=hide_suggestions)

    def _operation(
        self,
        definition: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        trust: Trust,
        strictness: Strictness,
    ) -> Operation:
        document = DocumentNode(definitions=(definition, *fragments.values()))
        return Operation(
            id=digest_of(print_ast(document)),
            name=definition.name.value if definition.name else None,
            kind=definition.operation,
            document=document,
            definition=definition,
            schema=self._schema,
            visibility=visibility(self._schema, self._field_rules, definition, fragments),
            topics=self._topics(definition, fragments),
            is_for_strangers=not any(
                (definition.operation, name) in self._field_rules.guarded for name in _root_names(definition, fragments)
            ),
            cost=cost_of(self._schema, definition, fragments),
            most_cost=strictness.most_cost,
            trust=trust,
            hides_suggestions=not strictness.suggestions,
            plain=self._plain,
            reads=compile_reads(self._schema, self._plain, definition, fragments),
        )

    def _topics(
        self, definition: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> frozenset[str]:
        """The topics of the root fields, which may stand in fragments; none at all where one of them has none."""
        found = [
            self._field_rules.topics.get((definition.operation, name), frozenset())
            for name in _root_names(definition, fragments)
            if name != "__typename"
        ]
        return frozenset().union(*found) if all(found) else frozenset()


def digest_of(text: str) -> str:
    """SHA-256 of a text in hexadecimal: the id under which documents are published and kept."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _root_names(definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    pending = list(definition.selection_set.selections)
    while pending:
        node = pending.pop()
        if isinstance(node, FieldNode):
            yield node.name.value
        elif isinstance(node, FragmentSpreadNode):
            pending.extend(fragments[node.name.value].selection_set.selections)
        else:
            pending.extend(node.selection_set.selections)  # type: ignore[attr-defined]  # an inline fragment


def _parse(text: str, limits: Limits) -> DocumentNode:
    if len(text) > limits.length:
        raise refused(Code.LIMIT_LENGTH, f"The document is longer than {limits.length} characters.")
    try:
        return parse(text, max_lexical_tokens=limits.tokens, max_comments=COMMENTS)
    except GraphQLError as error:
        raise _parse_refusal(error) from None


def _parse_refusal(error: GraphQLError) -> Refused:
    """graphql-core tells its limits from syntax errors by words only (pinned by a test)."""
    if "nested too deeply" in error.message:
        return refusals(Code.LIMIT_DEPTH, [error])
    return refusals(Code.LIMIT_TOKENS if "Parsing aborted" in error.message else Code.PARSE_FAILED, [error])
