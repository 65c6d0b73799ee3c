"""Drafting and freezing revisions, for developers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import create_engine, make_url

from opscom.embedded.postgres import EmbeddedPostgres
from opscom.models import all_metadata
from tenants.migrations.draft import draft
from tenants.migrations.plan import HERE, Tree, revisions


def draft_from_models(tree: str, title: str) -> Path | None:
    """Write the next revision of a tree, using a throw-away PostgreSQL. None if models and revisions agree."""
    chosen = Tree(tree)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "pg", durable=False) as server:
        engine = create_engine(make_url(server.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            drafted = draft(connection, chosen, all_metadata()[chosen], title)
            connection.rollback()
        engine.dispose()
    if drafted is None:
        return None
    drafted.path.write_text(drafted.text)
    return drafted.path


def freeze() -> None:
    """Write the hash of every revision: from now on they are released and never change."""
    for tree in Tree:
        lines = (f"{revision.name}:{revision.digest}\n" for revision in revisions(tree))
        (HERE / tree / "frozen.txt").write_text("".join(lines))
