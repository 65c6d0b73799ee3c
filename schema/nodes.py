"""The interface of everything that has a global id."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Something with an id of its own, which `node` finds again.")
class Node:
    """A row. Its id is made once by whoever makes the object; no resolver runs for it."""

    id: strawberry.ID = strawberry.field(description="The global id: opaque and stable.")
