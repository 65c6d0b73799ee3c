"""The operation store: a document is parsed, limited, validated and classified once, for HTTP, WebSocket and SSE alike.

Kept by the hash of its text in bounded caches; refused documents have a small one of their own, so that rubbish pushes
out no good document. Execution is elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
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
from schema.operations.errors import Code, Refused, refusals, refused
from schema.operations.limits import Limits, check
from schema.operations.plain import PlainFields, plain_fields
from schema.operations.visibility import Visibility, visibility

MAX_ERRORS = 10
REFUSED_KEPT = 100
COMMENTS = 200
DEFAULT_LIMITS = Limits()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a document, ready to execute.

    ``id`` is the hash of the operation as printed with its fragments: spacing and comments make no other operation.
    ``topics`` are those of a subscription's root field.
    """

    id: str
    name: str | None
    kind: OperationType
    document: DocumentNode
    definition: OperationDefinitionNode
    schema: GraphQLSchema
    visibility: Visibility
    topics: frozenset[str]
    hides_suggestions: bool
    plain: PlainFields

    @property
    def label(self) -> str:
        """What logs call it."""
        return self.name or self.id[:12]


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict a store is: limits, and whether introspection and suggestions are offered."""

    limits: Limits = DEFAULT_LIMITS
    introspection: bool = True
    suggestions: bool = True
    kept: int = 1_000


@dataclass(frozen=True, slots=True)
class _Document:
    operations: dict[str | None, Operation]


class OperationStore:
    """All documents one API has seen lately, each prepared once."""

    def __init__(self, schema: GraphQLSchema, field_rules: FieldRules, rules: Rules) -> None:
        self._schema = schema
        self._field_rules = field_rules
        self._rules = rules
        self._validation = _validation_rules(introspection=rules.introspection)
        self._plain = plain_fields(schema)
        self._accepted: OrderedDict[str, _Document] = OrderedDict()
        self._refused: OrderedDict[str, Refused] = OrderedDict()
        self.prepared = 0
        self.hits = 0

    def prepare(self, text: str, name: str | None = None) -> Operation:
        """The operation of that name (or the only one) in a document.

        Raises Refused: a syntax error, a limit, an invalid document, or no such operation in it.
        """
        return _choose(self._document(_digest(text), text), name)

    def _document(self, digest: str, text: str) -> _Document:
        found = self._accepted.get(digest)
        if found is not None:
            self.hits += 1
            self._accepted.move_to_end(digest)
            return found
        known = self._refused.get(digest)
        if known is not None:
            raise Refused(*known.errors)
        try:
            found = self._prepare(text)
        except Refused as error:
            _keep(self._refused, digest, error.with_traceback(None), REFUSED_KEPT)
            raise
        _keep(self._accepted, digest, found, self._rules.kept)
        return found

    def _prepare(self, text: str) -> _Document:
        self.prepared += 1
        document = _parse(text, self._rules.limits)
        check(document, self._rules.limits)
        hide = not self._rules.suggestions
        errors = validate(self._schema, document, self._validation, max_errors=MAX_ERRORS, hide_suggestions=hide)
        if errors:
            raise refusals(Code.VALIDATION_FAILED, errors)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        return _Document({o.name.value if o.name else None: self._operation(o, fragments) for o in operations})

    def _operation(
        self, definition: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> Operation:
        document = DocumentNode(definitions=(definition, *fragments.values()))
        return Operation(
            id=_digest(print_ast(document)),
            name=definition.name.value if definition.name else None,
            kind=definition.operation,
            document=document,
            definition=definition,
            schema=self._schema,
            visibility=visibility(self._schema, self._field_rules, definition, fragments),
            topics=self._topics(definition, fragments),
            hides_suggestions=not self._rules.suggestions,
            plain=self._plain,
        )

    def _topics(
        self, definition: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> frozenset[str]:
        """The topics of the subscription's one root field, which may stand in a fragment."""
        if definition.operation is not OperationType.SUBSCRIPTION:
            return frozenset()
        printed = set(_root_names(definition, fragments))
        return frozenset(topic for name in printed for topic in self._field_rules.topics.get(name, ()))


def _root_names(definition: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> list[str]:
    names: list[str] = []
    pending = list(definition.selection_set.selections)
    while pending:
        node = pending.pop()
        below = getattr(node, "selection_set", None)
        name = getattr(node, "name", None)
        if node.kind == "field" and name is not None:
            names.append(name.value)
        elif node.kind == "fragment_spread" and name is not None:
            pending.extend(fragments[name.value].selection_set.selections)
        elif below is not None:
            pending.extend(below.selections)
    return names


def _choose(document: _Document, name: str | None) -> Operation:
    if name is None:
        if len(document.operations) != 1:
            raise refused(Code.OPERATION_NOT_FOUND, "The document has several operations: name one in operationName.")
        return next(iter(document.operations.values()))
    chosen = document.operations.get(name)
    if chosen is None:
        raise refused(Code.OPERATION_NOT_FOUND, "The document has no operation of this name.")
    return chosen


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


def _validation_rules(*, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    rules: tuple[type[ASTValidationRule], ...] = (
        *specified_rules,
        MaybeNullValidationRule,
        OneOfInputValidationRule,
    )
    return rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)


def _keep(kept: OrderedDict[str, T], digest: str, value: T, most: int) -> None:
    kept[digest] = value
    if len(kept) > most:
        kept.popitem(last=False)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
