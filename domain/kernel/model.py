"""The two metadata objects: an environment's own tables, and the run ledger of a cell.

An environment's tables have no schema of their own: the search path of the transaction says which environment is meant.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.kernel.ids import uuid7

NAMING = {
    "pk": "%(table_name)s_pk",
    "fk": "%(table_name)s_%(column_0_name)s_fk",
    "uq": "%(table_name)s_%(column_0_N_name)s_uq",
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "ck": "%(table_name)s_%(constraint_name)s_ck",
}


class Preview(StrEnum):
    """What becomes of a table or a column when production is copied into a preview space.

    ``OWN`` columns are the preview's own where it has a value already; the column marked ``key`` says which rows are one.
    """

    KEEP = "keep"
    BLANK = "blank"
    DROP = "drop"
    OWN = "own"


Json = dict[str, object]
TYPES = {datetime: DateTime(timezone=True), UUID: Uuid(), Json: JSONB(), str: Text()}


class Model(DeclarativeBase):
    """A table of an environment. Every table declares ``__preview__``; a column may override it in ``info``.

    ``sealed`` columns hold secrets of the tenant's vault. What is blanked in a preview, or marked ``secret``, is in no export; of a table with ``__is_secret__`` nothing is.
    ``__anonymised__`` is the SQL that takes persons out of a copy, for who wants a preview without them.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES
    __preview__: ClassVar[Preview]
    __is_secret__: ClassVar[bool] = False
    __anonymised__: ClassVar[str] = ""


class PlatformModel(DeclarativeBase):
    """A table of the ``platform`` schema of a cell: rows of many environments behind row-level security."""

    metadata = MetaData(schema="platform", naming_convention=NAMING)
    type_annotation_map = TYPES


class Identified:
    """A row with an id of its own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
