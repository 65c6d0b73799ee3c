"""Drafting a revision: what the models have and the newest revision has not, as SQL in a new file. For developers.

The file is read and completed by a person; after its release its hash is frozen (see ``plan.py``).
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.autogenerate import produce_migrations
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import BLANK_SCHEMA, Connection, MetaData, text

from tenants.migrations.plan import HERE, Tree, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.operations.ops import MigrateOperation

SCRATCH = "draft_scratch"


def draft(connection: Connection, tree: Tree, metadata: MetaData, title: str) -> Path | None:
    """Write the next revision of a tree. Replays the tree in a scratch schema of the connection's open transaction.

    Returns the new file, or None if models and revisions agree. The caller rolls the transaction back.
    """
    statements = difference(connection, tree, metadata)
    if not statements:
        return None
    known = revisions(tree) if any((HERE / tree / "versions").glob("*.py")) else ()
    name = f"{len(known) + 1:04d}"
    path = HERE / tree / "versions" / f"{name}_{_words(title)}.py"
    path.write_text(_render(title, name, known[-1].name if known else None, statements))
    return path


def difference(connection: Connection, tree: Tree, metadata: MetaData) -> str:
    """SQL that is missing between the newest revision of a tree and the models; empty if they agree."""
    _replay(connection, tree)
    context = MigrationContext.configure(connection, opts={"include_schemas": False, "compare_type": True})
    unqualified = _without_schema(metadata)
    upgrade = produce_migrations(context, unqualified).upgrade_ops
    if upgrade is None:
        return ""
    buffer = io.StringIO()
    offline = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer})
    _invoke(Operations(offline), upgrade.ops)
    return buffer.getvalue().strip()


def _replay(connection: Connection, tree: Tree) -> None:
    connection.execute(text(f"drop schema if exists {SCRATCH} cascade"))
    connection.execute(text(f"create schema {SCRATCH}"))
    connection.execute(text(f"set local search_path = {SCRATCH}"))
    if any((HERE / tree / "versions").glob("*.py")):
        for revision in revisions(tree):
            connection.exec_driver_sql(revision.sql)


def _without_schema(metadata: MetaData) -> MetaData:
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        # SQLAlchemy takes None and BLANK_SCHEMA here; its annotations know only names.
        table.to_metadata(copy, schema=None, referred_schema_fn=lambda *_: BLANK_SCHEMA)  # type: ignore[arg-type]
    return copy


def _invoke(operations: Operations, ops: Iterable[MigrateOperation]) -> None:
    for op in ops:
        inner = getattr(op, "ops", None)
        if inner is not None:
            _invoke(operations, inner)
        else:
            operations.invoke(op)


def _words(title: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", title.lower()))


def _render(title: str, name: str, before: str | None, statements: str) -> str:
    lines = "\n".join(line.rstrip() for line in statements.splitlines())
    return f'''"""{title}."""

from alembic import op

revision = "{name}"
down_revision = {f'"{before}"' if before else None}


def upgrade() -> None:
    """{title}."""
    op.execute(
        """
{lines}
        """
    )
'''
