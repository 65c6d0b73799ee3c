"""Every table of the product: all models of all nouns imported, for migrations and for copies."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData

from domain.kernel.model import Model, PlatformModel
from tenants.migrations.plan import Tree
from tenants.registry.models import RegistryModel

ROOT = Path(__file__).parents[1]
BESIDES = ("domain/kernel/audit.py", "domain/kernel/ledger.py", "auth/models.py", "tenants/registry/records.py")


def environment_models() -> list[type[Model]]:
    """The classes of all tables of an environment."""
    _import_all()
    return [mapper.class_ for mapper in Model.registry.mappers]


def all_metadata() -> dict[Tree, MetaData]:
    """The tables of the three trees."""
    _import_all()
    return {
        Tree.REGISTRY: RegistryModel.metadata,
        Tree.CELL: PlatformModel.metadata,
        Tree.ENVIRONMENT: Model.metadata,
    }


def _import_all() -> None:
    for path in (*(ROOT / name for name in BESIDES), *sorted(ROOT.glob("domain/*/models.py"))):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
