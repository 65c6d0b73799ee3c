"""Migrations, planned once: Alembic revisions become SQL text that is replayed in any number of schemas.

Revisions are pure SQL without schema names. A revision that was released never changes: ``frozen.txt`` of its tree holds
the hash of each, and a test compares them. One that builds indexes concurrently is a step of its own (``concurrent.py``).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import takewhile
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from tenants.migrations.concurrent import ConcurrentIndex, NotConcurrent, concurrent_indexes

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
    """One revision as SQL, and as statements outside of a transaction if it builds indexes concurrently."""

    name: str
    sql: str
    concurrent: tuple[ConcurrentIndex, ...] = ()

    @property
    def plain(self) -> str:
        """The SQL for a transaction."""
        return "\n".join(index.plain for index in self.concurrent) or self.sql

    @property
    def is_needed(self) -> bool:
        """Whether code of its release relies on it. On indexes that are not unique it does not: without them it is slower."""
        return not self.concurrent or any(index.is_needed for index in self.concurrent)

    @property
    def digest(self) -> str:
        """SHA-256 of the SQL as it was written."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def revisions(tree: Tree) -> tuple[Revision, ...]:
    """All revisions of a tree, oldest first. Raises NotConcurrent, and CommandError for a tree with two newest ones."""
    scripts = reversed(list(_directory(tree).walk_revisions(head="head")))
    return tuple(_revision(tree, script) for script in scripts)


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


def next_step(tree: Tree, current: str) -> tuple[Revision, ...]:
    """What is applied at once to a schema that stands at ``current``; empty if nothing is to be done.

    Revisions that one transaction holds together, or a concurrent one alone.
    """
    missing = after(tree, current)
    if missing and missing[0].concurrent:
        return missing[:1]
    return tuple(takewhile(lambda revision: not revision.concurrent, missing))


@cache
def is_behind(current: str) -> bool:
    """Whether an environment at this head is to be migrated."""
    return bool(after(Tree.ENVIRONMENT, current))


@cache
def lacks_what_is_needed(current: str) -> bool:
    """Whether an environment at this head lacks what this code relies on: it must not be served yet."""
    return any(revision.is_needed for revision in after(Tree.ENVIRONMENT, current))


def _directory(tree: Tree) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(HERE / tree))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _revision(tree: Tree, script: Script) -> Revision:
    text = _sql(script)
    indexes = concurrent_indexes(text)
    if indexes and tree is not Tree.ENVIRONMENT:
        msg = f"{tree} {script.revision}: this tree is brought to head in one transaction, without CONCURRENTLY"
        raise NotConcurrent(msg)
    return Revision(script.revision, text, indexes)


def _sql(script: Script) -> str:
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer})
    with Operations.context(context):
        script.module.upgrade()
    return buffer.getvalue().strip()
