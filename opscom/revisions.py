"""Drafting and freezing revisions, for developers: knows all models, since it imports every noun."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData, create_engine, make_url

from domain.kernel.model import Model, PlatformModel
from opscom.embedded.postgres import EmbeddedPostgres
from tenants.migrations.draft import draft
from tenants.migrations.plan import HERE, Tree, revisions
from tenants.registry.models import RegistryModel

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "tenants/registry/records.py"


def all_metadata() -> dict[Tree, MetaData]:
    """The tables of the three trees, with every model of every noun imported."""
    written_by_work = [ROOT / "domain/kernel/audit.py", ROOT / "domain/kernel/ledger.py"]
    for path in [*written_by_work, *ROOT.glob("domain/*/models.py"), *ROOT.glob("auth/models.py"), RECORDS]:
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return {
        Tree.REGISTRY: RegistryModel.metadata,
        Tree.CELL: PlatformModel.metadata,
        Tree.ENVIRONMENT: Model.metadata,
    }


def draft_from_models(tree: str, title: str) -> Path | None:
    """Write the next revision of a tree, using a throw-away PostgreSQL. None if models and revisions agree."""
    chosen = Tree(tree)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "pg", durable=False) as server:
        engine = create_engine(make_url(server.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            path = draft(connection, chosen, all_metadata()[chosen], title)
            connection.rollback()
        engine.dispose()
    return path


def freeze() -> None:
    """Write the hash of every revision: from now on they are released and never change."""
    for tree in Tree:
        lines = (f"{revision.name}:{revision.digest}\n" for revision in revisions(tree))
        (HERE / tree / "frozen.txt").write_text("".join(lines))
