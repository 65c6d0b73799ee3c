"""Statements that are always the same: compiled once, and run by the driver itself.

For the few that are asked thousands of times a second. The driver answers plain tuples, so only columns whose values need
no work of SQLAlchemy's are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg

DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # the library's own


FLOAT8 = 701
"""PostgreSQL's number for double precision; types other than numeric ones are not asked by it (pg_type.dat)."""


class FixedStatement:
    """A SELECT as text for psycopg. Raises TypeError for a column or a parameter that needs to be converted."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self.statement = statement
        self.sql = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._names = frozenset(compiled.params)
        for column in statement.selected_columns:
            if column.type.dialect_impl(DIALECT).result_processor(DIALECT, FLOAT8) is not None:
                msg = f"{column} can not be read without SQLAlchemy"
                raise TypeError(msg)
        for bound in compiled.binds.values():
            if bound.type.dialect_impl(DIALECT).bind_processor(DIALECT) is not None:
                msg = f"{bound.key} can not be bound without SQLAlchemy"
                raise TypeError(msg)

    def values(self, parameters: Mapping[str, object] | None) -> Mapping[str, object]:
        """The values of all parameters. Raises KeyError for one that is not named."""
        if not self._names:
            return {}
        values = {**self._constants, **(parameters or {})}
        if values.keys() != self._names:
            raise KeyError(sorted(self._names ^ values.keys()))
        return values
