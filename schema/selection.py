"""What is asked for below a field, for resolvers that read less where less is asked."""

from __future__ import annotations

from graphql import FieldNode, FragmentSpreadNode, SelectionNode

from schema.arguments import Info


def asks_for(info: Info, name: str) -> bool:
    """Whether a field of this name may be selected directly below the present one; directives are not looked at."""
    raw = info._raw_info  # noqa: SLF001 - Strawberry has it nowhere else, but for a list that costs more than the answer
    pending: list[SelectionNode] = [
        node for field in raw.field_nodes if field.selection_set for node in field.selection_set.selections
    ]
    while pending:
        node = pending.pop()
        if isinstance(node, FieldNode):
            if node.name.value == name:
                return True
            continue
        inside = raw.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        pending += inside.selection_set.selections  # type: ignore[union-attr]  # a fragment, either way
    return False
