"""Relay connections over keyset pages. Cursors are opaque to clients and carry nothing but the row's key."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo

from domain.kernel.errors import Invalid
from schema.declare import PUBLIC, needs

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K", UUID, int)

_LONGEST = 64
_BEYOND = 2**63  # what no bigint holds


class CursorInvalid(Invalid):
    """A cursor was not made by this connection."""

    code = "cursor_invalid"

    def __init__(self) -> None:
        """The field is the cursor."""
        super().__init__("This is no cursor of this list.", field="after")


@needs(PUBLIC)
@strawberry.type(description="An item of a list that is read in pages.")
class Edge(Generic[T]):
    """An item with its cursor."""

    cursor: str = strawberry.field(description="What continues the list after this item.")
    node: T = strawberry.field(description="The item.")


@needs(PUBLIC)
@strawberry.type(description="A list that is read in pages.")
class Connection(Generic[T]):
    """One page of a list. The field that returns it says who may read it."""

    edges: list[Edge[T]] = strawberry.field(description="The items of this page.")
    page_info: PageInfo = strawberry.field(description="Whether and where the list goes on.")


def connection(
    rows: Sequence[R], make: Callable[[R], T], key: Callable[[R], object], *, after: object, has_more: bool
) -> Connection[T]:
    """A page of rows as a connection; ``key`` is what a row's cursor carries."""
    edges = [Edge(cursor=write_cursor(key(row)), node=make(row)) for row in rows]
    info = PageInfo(
        has_next_page=has_more,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info)


def write_cursor(key: object) -> str:
    """A key as a cursor."""
    return b2a_base64(str(key).encode(), newline=False).decode()


def read_cursor(cursor: str | None, kind: type[K]) -> K | None:
    """The key in a cursor, None without one. Raises CursorInvalid."""
    if cursor is None:
        return None
    try:
        key = kind(a2b_base64(cursor[:_LONGEST].encode("ascii"), strict_mode=True).decode())
    except (Error, ValueError):
        raise CursorInvalid from None
    if not _can_be_stored(key):
        raise CursorInvalid
    return key


def _can_be_stored(key: object) -> bool:
    return not isinstance(key, int) or abs(key) < _BEYOND
