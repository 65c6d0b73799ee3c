"""What a document may cost at most, counted on its expanded selection (fragments written out) before it is validated.

A budget stops the walk itself, so that a bomb of nested fragments costs no more than the largest document allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from schema.operations.errors import Code, refused

INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each that one document may have. ``length`` is in characters, the rest are counts.

    ``repeats`` counts pairs of fields that answer under one name in one place: validation compares each pair, so that
    300 times the same field cost most of a second in 3 KB.
    """

    length: int = 32_000
    tokens: int = 2_000
    depth: int = 12
    aliases: int = 30
    root_fields: int = 20
    directives: int = 30
    selections: int = 1_000
    repeats: int = 2_000


@dataclass(slots=True)
class _Tally:
    aliases: int = 0
    root_fields: int = 0
    directives: int = 0
    selections: int = 0
    repeats: int = 0
    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)
    spread: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Level:
    """A selection set, the names of the fields around it, the fragments around it, and whether it introspects."""

    selected: SelectionSetNode
    path: tuple[str, ...]
    inside: frozenset[str] = frozenset()
    introspects: bool = False

    @property
    def depth(self) -> int:
        """How many fields deep the fields in it lie."""
        return len(self.path)


def check(document: DocumentNode, limits: Limits) -> None:
    """Raise Refused with the code of the first limit that the document passes. All its operations share the budget.

    A fragment that no operation spreads is refused here, and a second one of a name: no walk would come by it, but
    validation compares its fields too.
    """
    defined = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
    fragments = {d.name.value: d for d in defined}
    tally = _Tally()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            tally.directives += len(definition.directives or ())
            _walk(definition.selection_set, fragments, limits, tally)
    if len(defined) > len(tally.spread & fragments.keys()):
        raise refused(Code.VALIDATION_FAILED, "Every fragment must be used, and have a name of its own.")


def _walk(
    root: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits, tally: _Tally
) -> None:
    levels = [_Level(root, ("",))]
    while levels:
        level = levels.pop()
        for node in level.selected.selections:
            _count(node, level, limits, tally)
            below = _below(node, level, fragments)
            if below is not None:
                levels.append(below)


def _count(node: SelectionNode, level: _Level, limits: Limits, tally: _Tally) -> None:
    tally.selections += 1
    tally.directives += len(node.directives or ())
    if isinstance(node, FragmentSpreadNode):
        tally.spread.add(node.name.value)
    if isinstance(node, FieldNode):
        tally.aliases += node.alias is not None
        tally.root_fields += level.depth == 1
        place = (*level.path, _name(node))
        tally.repeats += tally.seen[place]
        tally.seen[place] += 1
        if level.depth > limits.depth and not level.introspects:
            raise refused(Code.LIMIT_DEPTH, f"The document is nested deeper than {limits.depth} fields.")
    _enforce(tally, limits)


def _enforce(tally: _Tally, limits: Limits) -> None:
    for code, count, limit, what in (
        (Code.LIMIT_SELECTIONS, tally.selections, limits.selections, "selections, its fragments written out"),
        (Code.LIMIT_ROOT_FIELDS, tally.root_fields, limits.root_fields, "fields at its root"),
        (Code.LIMIT_ALIASES, tally.aliases, limits.aliases, "aliases"),
        (Code.LIMIT_REPEATS, tally.repeats, limits.repeats, "pairs of equal fields in one place"),
        (Code.LIMIT_DIRECTIVES, tally.directives, limits.directives, "directives"),
    ):
        if count > limit:
            raise refused(code, f"The document has more than {limit} {what}.")


def _below(node: SelectionNode, level: _Level, fragments: Mapping[str, FragmentDefinitionNode]) -> _Level | None:
    """The selection set below a node. A fragment inside itself is left to validation, which refuses it."""
    if isinstance(node, FragmentSpreadNode):
        name = node.name.value
        fragment = fragments.get(name)
        if fragment is None or name in level.inside:
            return None
        return _Level(fragment.selection_set, level.path, level.inside | {name}, level.introspects)
    selected: SelectionSetNode | None = getattr(node, "selection_set", None)
    if selected is None:
        return None
    if isinstance(node, FieldNode):
        introspects = level.introspects or (level.depth == 1 and node.name.value in INTROSPECTION)
        return _Level(selected, (*level.path, _name(node)), level.inside, introspects)
    return _Level(selected, level.path, level.inside, level.introspects)


def _name(node: FieldNode) -> str:
    """The name it answers under."""
    return node.alias.value if node.alias else node.name.value
