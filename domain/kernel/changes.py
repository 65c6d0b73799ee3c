"""Applying changed values to a row, and keeping what they were, for the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from uuid import UUID

from domain.kernel.model import Json, Model


@dataclass(frozen=True, slots=True)
class Difference:
    """The fields that really changed, before and after, as plain JSON values."""

    before: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.after)


def apply(row: Model, values: Mapping[str, object], *, secret: frozenset[str] = frozenset()) -> Difference:
    """Set the values on the row and return what changed. Of ``secret`` fields it tells only whether there is a value."""
    difference = Difference()
    for name, value in values.items():
        old = getattr(row, name)
        if old == value:
            continue
        setattr(row, name, value)
        difference.before[name] = old is not None if name in secret else plain(old)
        difference.after[name] = value is not None if name in secret else plain(value)
    return difference


def plain(value: object) -> object:
    """The value as JSON can hold it: ids and times as text, everything else as it is."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
