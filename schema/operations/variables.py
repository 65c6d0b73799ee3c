"""Variables of an operation: checked once, and in the one form that equal requests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import (
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    TypeNode,
    VariableDefinitionNode,
    get_variable_values,
)

from schema.operations.errors import Code, refusals, refused
from schema.operations.preparing import Operation

MAX_ERRORS = 10
MAX_IDS = 500
MAX_BYTES = 64 << 10
"""Of a live operation's variables, which stay in memory as long as it is watched. A socket's message is no longer."""


def check_variables(operation: Operation, variables: Mapping[str, Any]) -> None:
    """Raise Refused (BAD_USER_INPUT) unless the variables fit their types."""
    declared = operation.definition.variable_definitions or ()
    result = get_variable_values(
        operation.schema, declared, dict(variables), max_errors=MAX_ERRORS, hide_suggestions=operation.hides_suggestions
    )
    if isinstance(result, list):
        raise refusals(Code.BAD_USER_INPUT, result)


def canonical(operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that the operation declares, lists of ids sorted and each id once. Undeclared ones are dropped."""
    declared = operation.definition.variable_definitions or ()
    known = ((definition, definition.variable.name.value) for definition in declared)
    return {name: _canonical_value(definition, variables[name]) for definition, name in known if name in variables}


def as_asked(operation: Operation, variables: Mapping[str, Any]) -> bytes | None:
    """The variables that an operation declares, as bytes that are equal exactly if they are; None if they are too large.

    Unlike the canonical ones nothing is sorted: a query may answer in the order of its ids.
    """
    declared = operation.definition.variable_definitions or ()
    if not declared:
        return b""
    names = (definition.variable.name.value for definition in declared)
    try:
        text = canonical_text({name: variables[name] for name in names if name in variables})
    except TypeError:  # orjson refuses a text with half a character
        return None
    return text if len(text) <= MAX_BYTES else None


def check_size(operation: Operation, kept: Mapping[str, Any]) -> None:
    """Raise Refused (BAD_USER_INPUT) if canonical variables are more than a live operation may keep."""
    for definition in operation.definition.variable_definitions or ():
        name = definition.variable.name.value
        value = kept.get(name)
        if isinstance(value, list) and _is_id_list(definition.type) and len(value) > MAX_IDS:
            raise refused(Code.BAD_USER_INPUT, f"Variable '${name}' of a live operation has more than {MAX_IDS} ids.")
    if len(canonical_text(kept)) > MAX_BYTES:
        raise refused(Code.BAD_USER_INPUT, f"The variables of a live operation are larger than {MAX_BYTES} bytes.")


def canonical_text(variables: Mapping[str, Any]) -> bytes:
    """Canonical variables as bytes that are equal exactly if the variables are."""
    return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)


def _canonical_value(definition: VariableDefinitionNode, value: object) -> object:
    if isinstance(value, list) and _is_id_list(definition.type):
        return sorted({str(item) for item in value if item is not None}) if None not in value else value
    return value


def _is_id_list(node: TypeNode) -> bool:
    inner = _nullable(node)
    if not isinstance(inner, ListTypeNode):
        return False
    item = _nullable(inner.type)
    return isinstance(item, NamedTypeNode) and item.name.value == "ID"


def _nullable(node: TypeNode) -> TypeNode:
    return node.type if isinstance(node, NonNullTypeNode) else node
