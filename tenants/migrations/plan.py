"""Migrations, planned once: Alembic revisions become SQL text that is replayed in any number of schemas.

Revisions are pure SQL without schema names. A revision that was released never changes: ``frozen.txt`` of its tree holds
the hash of each, and a test compares them.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

HERE = Path(__file__).parent


class Tree(StrEnum):
    """Which tables a revision is about; the value is the folder."""

    REGISTRY = "registry"
    CELL = "cell"
    ENVIRONMENT = "environment"

    @property
    def models_schema(self) -> str | None:
        """The fixed schema of the tree; an environment has one of its own."""
        return {Tree.REGISTRY: "registry", Tree.CELL: "platform"}.get(self)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision as SQL."""

    name: str
    title: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the SQL."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def revisions(tree: Tree) -> tuple[Revision, ...]:
    """All revisions of a tree, oldest first."""
    scripts = reversed(list(_directory(tree).walk_revisions()))
    return tuple(Revision(script.revision, script.doc, _sql(script)) for script in scripts)


def head(tree: Tree) -> str:
    """The newest revision's name."""
    return revisions(tree)[-1].name


def after(tree: Tree, current: str) -> tuple[Revision, ...]:
    """The revisions still to be applied to a schema that stands at ``current`` (empty: at nothing).

    A revision this code does not know is newer than the code: nothing is to be done, since migrations are additive.
    """
    names = [revision.name for revision in revisions(tree)]
    if current and current not in names:
        return ()
    return revisions(tree)[names.index(current) + 1 if current else 0 :]


@cache
def is_behind(current: str) -> bool:
    """Whether an environment at this head lacks tables that this code needs: it must not be served yet."""
    return bool(after(Tree.ENVIRONMENT, current))


def _directory(tree: Tree) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(HERE / tree))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _sql(script: Script) -> str:
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer})
    with Operations.context(context):
        script.module.upgrade()
    return buffer.getvalue().strip()
