"""The printed schemas in the repository: what clients generate their code from, and what a review sees of a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import schema.admin.api
import schema.ops.api
import schema.portal.api
from schema.api import Api

FOLDER = Path(__file__).parent


def build_all() -> tuple[Api, Api, Api]:
    """Portal, admin and ops, freshly built."""
    return schema.portal.api.build(), schema.admin.api.build(), schema.ops.api.build()


def printed() -> Iterator[tuple[Path, str]]:
    """The file of each schema, and what should be in it."""
    for api in build_all():
        yield FOLDER / f"{api.name}.graphql", api.sdl()


def stale() -> list[Path]:
    """The files that differ from what would be written; writes nothing."""
    return [path for path, sdl in printed() if not path.exists() or path.read_text() != sdl]


def write_all() -> list[Path]:
    """Write the printed schemas, and return the files that changed."""
    changed = stale()
    for path, sdl in printed():
        path.write_text(sdl)
    return changed
