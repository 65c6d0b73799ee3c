"""How a field says who may read it, of which feature it is, which live topics it follows and how long it is.

Values only; others enforce them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from domain.kernel.actor import Permission
from domain.kernel.features import Feature

RULE = "opscom-rule"
TOPICS = "opscom-topics"
SIZE = "opscom-size"
STRANGERS = "opscom-strangers"

T = TypeVar("T")


class Access(Enum):
    """Needs that are not permissions."""

    PUBLIC = "public"
    SUBJECT = "subject"


PUBLIC = Access.PUBLIC
"""Everybody may read it; what is visible in it is decided by the query below."""

SUBJECT = Access.SUBJECT
"""It is about the person who asks: a login is needed, and a live operation with it is never shared."""

Need = Access | Permission


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may read a field, and which permissions change its answer without being needed for it.

    A field of a ``feature`` answers FEATURE_OFF where that is off, to those who may read it.
    """

    need: Need
    mentions: frozenset[Permission] = frozenset()
    feature: Feature | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has to be checked."""
        return self.need is PUBLIC and self.feature is None

    @property
    def permissions(self) -> frozenset[Permission]:
        """All permissions on which the answer may depend: part of the visibility class."""
        return self.mentions | {self.need} if isinstance(self.need, Permission) else self.mentions


def requires(need: Need, *, mentions: Iterable[Permission] = (), feature: Feature | None = None) -> dict[str, object]:
    """Metadata of a field: ``strawberry.field(metadata=requires(Permission.VIEW_LOTS))``.

    ``mentions`` names permissions that the resolver looks at without demanding them: two viewers who differ in one of
    them never share a live execution. A field of a ``feature`` must be nullable.
    """
    return {RULE: Rule(need, frozenset(mentions), feature)}


def needs(
    need: Need, *, mentions: Iterable[Permission] = (), feature: Feature | None = None
) -> Callable[[type[T]], type[T]]:
    """Decorate a type: the rule of all its fields that have none of their own. Subclasses do not inherit it."""

    def declare(cls: type[T]) -> type[T]:
        setattr(cls, RULE, Rule(need, frozenset(mentions), feature))
        return cls

    return declare


def live(*topics: str) -> dict[str, object]:
    """Metadata of a root field whose answer changes only with these live topics and with the clock.

    A subscription's state is rendered again after a note with one of them; a query's answer to a guest may be kept until
    then. Goes together with a rule: ``metadata=live("occupancy") | requires(PUBLIC)``.
    """
    return {TOPICS: frozenset(topics)}


def sized(most: int) -> dict[str, object]:
    """Metadata of a list field that has no page argument: how many items to count it with in an operation's cost.

    ``metadata=sized(50) | requires(PUBLIC)``.
    """
    return {SIZE: most}


def for_strangers() -> dict[str, object]:
    """Metadata of a public root field that a preview answers to everybody: what it takes to come in.

    All other public fields are for who is logged in there: ``metadata=for_strangers() | requires(PUBLIC)``.
    """
    return {STRANGERS: True}
