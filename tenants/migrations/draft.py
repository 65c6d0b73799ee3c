"""Drafting a revision: what the models have and the newest revision has not, as SQL for a new file. For developers.

The file is read and completed by a person; after its release its hash is frozen (see ``plan.py``).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.autogenerate import produce_migrations
from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, CreateTableOp, DropIndexOp, DropTableOp, OpContainer
from alembic.runtime.migration import MigrationContext
from sqlalchemy import BLANK_SCHEMA, Connection, MetaData, text

from tenants.migrations.plan import HERE, Tree, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alembic.operations.ops import MigrateOperation

    IndexOp = CreateIndexOp | DropIndexOp

SCRATCH = "draft_scratch"


@dataclass(frozen=True, slots=True)
class Drafted:
    """A revision that is not written yet: where it belongs, and its text."""

    path: Path
    text: str


def draft(connection: Connection, tree: Tree, metadata: MetaData, title: str) -> Drafted | None:
    """Draft the next revision of a tree. Replays the tree in a scratch schema of the connection's open transaction.

    Indexes of an environment's tables that are there already are built concurrently, in a revision of their own: where
    other things are missing as well, the indexes are left to the next draft. None if models and revisions agree.
    The caller rolls the transaction back.
    """
    missing = _missing(connection, tree, metadata)
    if not missing:
        return None
    if tree is Tree.ENVIRONMENT:
        indexes = _of_known_tables(missing)
        missing = [op for op in missing if op not in indexes] or [_concurrently(op) for op in indexes]
    known = revisions(tree)
    name = f"{len(known) + 1:04d}"
    path = HERE / tree / "versions" / f"{name}_{_words(title)}.py"
    return Drafted(path, _render(title, name, known[-1].name, _sql(missing)))


def difference(connection: Connection, tree: Tree, metadata: MetaData) -> str:
    """SQL that is missing between the newest revision of a tree and the models; empty if they agree."""
    return _sql(_missing(connection, tree, metadata))


def _missing(connection: Connection, tree: Tree, metadata: MetaData) -> list[MigrateOperation]:
    _replay(connection, tree)
    context = MigrationContext.configure(connection, opts={"include_schemas": False, "compare_type": True})
    upgrade = produce_migrations(context, _without_schema(metadata)).upgrade_ops
    return list(_flat(upgrade.ops)) if upgrade else []


def _flat(ops: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    for op in ops:
        if isinstance(op, OpContainer):
            yield from _flat(op.ops)
        else:
            yield op


def _sql(ops: Iterable[MigrateOperation]) -> str:
    buffer = io.StringIO()
    offline = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer})
    operations = Operations(offline)
    for op in ops:
        operations.invoke(op)
    return buffer.getvalue().strip()


def _of_known_tables(ops: Sequence[MigrateOperation]) -> list[IndexOp]:
    """The indexes that are built or dropped on tables that the same revision does not make or drop."""
    others = {op.table_name for op in ops if isinstance(op, CreateTableOp | DropTableOp)}
    return [op for op in ops if isinstance(op, CreateIndexOp | DropIndexOp) and op.table_name not in others]


def _concurrently(op: IndexOp) -> IndexOp:
    op.kw["postgresql_concurrently"] = True
    return op


def _replay(connection: Connection, tree: Tree) -> None:
    connection.execute(text(f"drop schema if exists {SCRATCH} cascade"))
    connection.execute(text(f"create schema {SCRATCH}"))
    connection.execute(text(f"set local search_path = {SCRATCH}"))
    for revision in revisions(tree):
        connection.exec_driver_sql(revision.plain)


def _without_schema(metadata: MetaData) -> MetaData:
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        # SQLAlchemy takes None and BLANK_SCHEMA here; its annotations know only names.
        table.to_metadata(copy, schema=None, referred_schema_fn=lambda *_: BLANK_SCHEMA)  # type: ignore[arg-type]
    return copy


def _words(title: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", title.lower()))


def _render(title: str, name: str, before: str, statements: str) -> str:
    lines = "\n".join(line.rstrip() for line in statements.splitlines())
    return f'''"""{title}."""

from alembic import op

revision = "{name}"
down_revision = "{before}"


def upgrade() -> None:
    """{title}."""
    op.execute(
        """
{lines}
        """
    )
'''
