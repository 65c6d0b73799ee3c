"""With which of a tenant's data keys the secrets in a schema are sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping


def sealed_with(connection: psycopg.Connection, schema: str, sealed: Mapping[str, tuple[str, ...]]) -> frozenset[int]:
    """The versions that the columns name, by table, for a role that reads the schema. What names none is passed over."""
    parts = [
        sql.SQL("select substring({column} from '^([0-9]{{1,9}}):')::integer from {table}").format(
            column=sql.Identifier(column), table=sql.Identifier(schema, table)
        )
        for table, columns in sealed.items()
        for column in columns
    ]
    if not parts:
        return frozenset()
    rows = connection.execute(sql.SQL(" union ").join(parts))
    return frozenset(version for (version,) in rows if version is not None)
