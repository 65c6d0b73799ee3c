"""Keyset paging: a page continues after a row's key, so that rows which come and go shift nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from domain.kernel.errors import Invalid
from domain.kernel.snapshot import Snapshot

K = TypeVar("K", UUID, int)
T = TypeVar("T")

LARGEST_PAGE = 100


class PageInvalid(Invalid):
    """A page has too many rows, or none."""

    code = "page_invalid"

    def __init__(self) -> None:
        """The field is the number of rows."""
        super().__init__(f"A page has 1 to {LARGEST_PAGE} rows.", field="first")


@dataclass(frozen=True, slots=True)
class Page(Generic[K]):
    """The first so many rows after a key, or from the beginning. Raises PageInvalid."""

    first: int
    after: K | None = None

    def __post_init__(self) -> None:
        """Refuse what is no page."""
        if not 1 <= self.first <= LARGEST_PAGE:
            raise PageInvalid


async def read_page(
    snapshot: Snapshot, statement: Select[T], key: InstrumentedAttribute[K], page: Page[K], *, newest_first: bool
) -> tuple[list[T], bool]:
    """The rows of a page in the order of the key, and whether more follow. One statement."""
    ordered = statement.order_by(None).order_by(key.desc() if newest_first else key.asc()).limit(page.first + 1)
    if page.after is not None:
        ordered = ordered.where(key < page.after if newest_first else key > page.after)
    rows = await snapshot.scalars(ordered)
    return rows[: page.first], len(rows) > page.first
