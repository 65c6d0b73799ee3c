"""From where to where an environment moves, how long that may wait, and what forbids it in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import text

from domain.kernel.errors import Unavailable
from tenants.copies.requests import moved_role

_KEY = "hashtextextended('opscom move ' || :environment, 0)"
ALONE = text(f"select pg_advisory_xact_lock({_KEY})")
"""Held in the cell where an environment lies by whoever changes there what a move changes."""
ALONE_IF_FREE = text(f"select pg_try_advisory_xact_lock({_KEY})")
"""The same, but true only where nobody holds it."""


class MoveFailed(Unavailable):
    """A step of a move was refused, by a database that is full for instance; the old environment serves on."""

    code = "copy.move_failed"


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a move waits before it gives up: for running runs, and for open transactions.

    Others that want to write wait as long for the latter, so it is less than what they would wait for a lock.
    """

    runs_s: float = 60.0
    writers_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an environment lies: cell, schema, role."""

    cell: str
    schema: str
    role: str


@dataclass(frozen=True, slots=True)
class Route:
    """What is moved, from where to where."""

    environment_id: UUID
    old: Place
    new: Place

    @classmethod
    def of(cls, copy: Any) -> Self:  # noqa: ANN401 - a row
        """The route of a copy that has begun. The role is another one, since roles are of a whole cluster."""
        old = Place(copy.from_cell, copy.from_schema, copy.from_role)
        return cls(copy.environment_id, old, Place(copy.to_cell, copy.to_schema, moved_role(copy.id)))
